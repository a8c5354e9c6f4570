"""The address of the page, where a proxy stands before it: a long text stands behind '#', which is not sent."""

import shutil
import subprocess
import time
import urllib.request
from urllib.parse import quote

import pytest
from serving import free_port, open_random, served

pytestmark = pytest.mark.browser

CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя .,!?"
TEXT = (CYRILLIC * 60)[:1990].strip()  # 11,000 characters and more as they are sent; nginx takes 8,000
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass {behind}; proxy_set_header Host $http_host; }}
  }}
}}
"""


# Served before the browser is there, as conftest.py's pages are.
@pytest.fixture(scope="module", autouse=True)
def behind_nginx(tmp_path_factory):
    """Where nginx, as it is by default, stands before a page whose model knows Cyrillic letters."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if nginx is None:
        pytest.skip("no nginx was found; install one (Debian: apt-get install nginx-light)")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    with served(open_random(chars=CYRILLIC, corpus="letters")) as behind:
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, behind=behind.rstrip("/")))
        proxy = subprocess.Popen(
            [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL
        )
        at = f"http://127.0.0.1:{port}/"
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen(at, timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield at
        finally:
            proxy.terminate()
            proxy.wait(10)


@pytest.mark.parametrize(
    ("tab", "field"), [("learn", "#learn-text textarea"), ("attention", "#attention-text textarea")]
)
def test_a_link_with_a_long_text_is_opened_through_a_proxy(visit, behind_nginx, tab, field):
    page = visit(f"{behind_nginx}?tab={tab}", shows=field)
    page.wait_for_function("location.search.includes('tab')")
    page.fill(field, TEXT)
    page.click(f"#run-{tab}")
    page.wait_for_function("location.hash.includes('text=')")
    link = page.url
    assert len(link.split("#")[0]) < 1600
    assert len(link) > 8000
    again = visit(link.split("#")[0] + f"&x=1#{link.split('#')[1]}", shows=field)
    again.wait_for_function(
        "([field, text]) => document.querySelector(field).value === text", arg=[field, TEXT], timeout=20_000
    )
    context = TEXT[-32:].replace(" ", "␣")
    if tab == "learn":
        again.wait_for_function(
            "text => document.querySelector('#learn-figure .strip').textContent === text", arg=context, timeout=20_000
        )
    else:
        again.wait_for_function(
            "text => document.querySelector('#attention-view .strip').textContent.includes(text)", arg=context[:20]
        )


def test_a_long_text_stays_while_the_links_model_is_fetched(visit, behind_nginx, monkeypatch):
    def fetched(ref, device, *, limits, progress, admit):
        time.sleep(1)
        return open_random(chars=CYRILLIC, corpus="letters", ref=ref, n_layer=2)

    monkeypatch.setattr("strivelm.ui.core.models.open_model", fetched)
    page = visit(f"{behind_nginx}?model=choir/one&tab=learn&step=4#text={quote(TEXT)}", shows="#learn-text textarea")
    page.wait_for_selector('#learn-figure [data-model="choir/one"]', timeout=20_000)
    page.wait_for_timeout(500)
    assert page.input_value("#learn-text textarea") == TEXT
    assert "choir/one" in page.inner_text("#header")
    assert "model=choir" in page.url.split("#")[0]


def test_a_proxy_would_refuse_the_same_text_in_the_query(behind_nginx):
    """So that the test above is one: what stands before '#' would not come through."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{behind_nginx}?tab=learn&text={quote(TEXT)}", timeout=10)
    assert refused.value.code == 414


def test_a_short_text_stands_in_the_query(visit, behind_nginx):
    page = visit(f"{behind_nginx}?tab=learn", shows="#learn-text textarea")
    page.wait_for_function("location.search.includes('tab')")
    page.fill("#learn-text textarea", "абв где")
    page.click("#run-learn")
    page.wait_for_function("new URLSearchParams(location.search).get('text') === 'абв где' && location.hash === ''")
