"""A view as a file: its value stands where the script takes it from, whatever the scripts say besides."""

import json
import re

from strivelm.ui.components import message
from strivelm.ui.components.view import PLACE


def test_a_file_gives_its_value_to_the_view_s_script():
    value = {"kind": "note", "text": f"</script> {PLACE}"}
    page = message.VIEW.html(value)
    (given,) = re.findall(r"strivelm\.mount\(document\.querySelector\('\.strivelm-view'\), (\".*\"), \(element", page)
    assert json.loads(json.loads(given)) == value
    assert page.count("</script>") == 1
    assert message.VIEW.file().count(PLACE) == 1
