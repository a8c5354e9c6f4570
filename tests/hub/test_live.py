"""The tests that need the real Hub, run where HF_TOKEN and STRIVELM_LIVE_REPO (or _SPACE) =owner/name are set.

The repo must not exist: it is made, private, and deleted in the end.
"""

import os
import uuid

import pytest
from hub.client_process import fingerprint
from huggingface_hub import HfApi

from strivelm import GPT, open_model
from strivelm.hub import publish
from strivelm.space import bundle, deploy

TOKEN, REPO, SPACE = (os.environ.get(name) for name in ("HF_TOKEN", "STRIVELM_LIVE_REPO", "STRIVELM_LIVE_SPACE"))


@pytest.mark.skipif(not (TOKEN and REPO), reason="needs HF_TOKEN and STRIVELM_LIVE_REPO, a name that is free")
def test_there_and_back_on_the_real_hub(run_folder, tmp_path):
    api, cache = HfApi(token=TOKEN), tmp_path / str(uuid.uuid4())
    assert not api.repo_exists(REPO), f"{REPO} exists; name one that is free"
    address = publish.push(run_folder, REPO, private=True, snapshots=True, token=TOKEN)
    try:
        assert address == f"https://huggingface.co/{REPO}"
        commits = {name: len(api.list_repo_commits(REPO, revision=name)) for name in ("main", "step-0", "step-10")}
        assert commits == dict.fromkeys(commits, 2)
        for ref, folder in ((REPO, run_folder), (f"{REPO}@step-10", run_folder / "snapshots" / "step-10")):
            found = open_model(ref, token=TOKEN, cache_dir=cache)
            assert fingerprint(found.model) == fingerprint(GPT.from_pretrained(folder))
        publish.push(run_folder, REPO, private=True, snapshots=True, token=TOKEN)
        assert {name: len(api.list_repo_commits(REPO, revision=name)) for name in commits} == commits
        info = api.model_info(REPO)
        assert (info.library_name, info.pipeline_tag) == ("strivelm", "text-generation")
        assert info.model_index
    finally:
        api.delete_repo(REPO)


@pytest.mark.skipif(not (TOKEN and SPACE), reason="needs HF_TOKEN, subscribed, and STRIVELM_LIVE_SPACE, a free name")
def test_a_space_on_the_real_hub():
    api = HfApi(token=TOKEN)
    assert not api.repo_exists(SPACE, repo_type="space"), f"{SPACE} exists; name one that is free"
    try:
        address = deploy.deploy(SPACE, model="film", hardware="cpu-basic", private=True, token=TOKEN, report=print)
        assert address == f"https://huggingface.co/spaces/{SPACE}"
        runtime = api.get_space_runtime(SPACE)
        assert (runtime.stage, runtime.hardware) == ("RUNNING", "cpu-basic")
        assert set(api.list_repo_files(SPACE, repo_type="space")) == {
            *bundle.names(),
            bundle.PACKAGES,
            ".gitattributes",
        }
        heard = []
        deploy.deploy(SPACE, token=TOKEN, report=heard.append)
        assert heard == ["running"]
    finally:
        api.delete_repo(SPACE, repo_type="space", missing_ok=True)
