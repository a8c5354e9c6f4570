"""What the lessons say, tried: every 'Try this' shows in the figure what it says."""

import pytest
from browser.learn_tab import FIGURE, attempt, choose, go, per_cent, rows, settled, text_is

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("bundled_address")]


def test_what_steps_1_to_3_2_say_is_what_is_seen(learn, bundled_address):
    page = learn(bundled_address)
    attempt(page, text_is("The␣q"))
    page.wait_for_function("document.querySelector('#learn-figure .strivelm-bars .who').textContent === 'u'")
    assert per_cent(page.locator(f"{FIGURE} .strivelm-bars .share").first.inner_text()) > 99

    go(page, "2")
    attempt(page, "document.querySelector('#learn-figure .notes').textContent.includes('U+20AC')")
    assert page.is_visible(f"{FIGURE} .notes")
    assert "Price" in page.inner_text(f"{FIGURE} .strip").replace("\n", "")

    go(page, "3.1")
    attempt(page, text_is("To␣be,␣or␣not␣to␣be"))
    page.wait_for_selector(f'{FIGURE} .strip [data-at="3"][aria-selected=true]')
    settled(page)
    assert rows(page, "The characters whose rows")[0][1] == "B"

    go(page, "3.2")
    attempt(page, text_is("aaaa"))
    settled(page)
    said = page.locator(f"{FIGURE} .vector .said")
    first = said.all_inner_texts()
    choose(page, 1)
    page.wait_for_function("document.querySelector('#learn-figure .vectors').innerText.includes('position 1')")
    second = said.all_inner_texts()
    assert first[0] == second[0]
    assert first[1] != second[1]
    assert first[2] != second[2]
    cosines = [float(row[1]) for row in rows(page, "The same character")]
    assert sorted(cosines)[-1] == cosines[1] == 1
    assert sorted(cosines)[-2] < 1


def test_what_steps_3_3_to_3_7_say_is_what_is_seen(learn, bundled_address):
    page = learn(bundled_address, "3.3")
    attempt(page, "document.querySelector('#learn-figure [data-kind=table] tbody').rows.length === 1")
    assert per_cent(rows(page, "How much")[0][4]) == 100
    page.select_option(f"{FIGURE} .controls select >> nth=1", "3")
    page.wait_for_function("document.querySelector('#learn-figure').innerText.includes(', head 3: the')")
    assert per_cent(rows(page, "How much")[0][4]) == 100

    go(page, "3.4")
    attempt(page, "document.querySelector('#learn-figure .controls select').value === '5'")
    lengths = set()
    for at in (0, 5, 9):
        choose(page, at)
        before, after, _ = rows(page, "What changes")
        lengths.add(before[3])
        assert float(after[1]) == 0
        assert 0.99 < float(after[2]) <= 1
        assert float(after[3]) == pytest.approx(16, abs=0.1)
    assert len(lengths) == 3

    go(page, "3.5")
    attempt(page, text_is("ROMEO"))
    settled(page)
    table = rows(page, "The stream")
    marked = page.inner_text(f"{FIGURE} tr.marked th")
    settles = [row[0] for row in table].index(marked)
    assert {row[3] for row in table[settles:]} == {table[-1][3]} == {":"}
    assert table[settles - 1][3] != ":"
    assert marked in page.inner_text("#learn-task")

    go(page, "3.6")
    choose(page, 4)
    before = [row[0] for row in rows(page, "The most active")]
    attempt(page, "document.querySelector('#learn-figure .strip [data-at=\"0\"]').ariaSelected === 'true'")
    settled(page)
    assert [row[0] for row in rows(page, "The most active")][:3] != before[:3]

    go(page, "3.7")
    attempt(page, "document.querySelector('#learn-figure .controls output').textContent === '0.5'")
    settled(page)
    drawn = rows(page, "The first of them")
    for _, before, after, kept in drawn:
        a, b = (float(text.replace("−", "-")) for text in (before, after))
        assert b == pytest.approx(2 * a, rel=0.02) if kept == "kept" else b == 0
    page.click(f"{FIGURE} .controls button")
    settled(page)
    assert [row[3] for row in rows(page, "The first of them")] != [row[3] for row in drawn]


def test_what_steps_4_to_8_say_is_what_is_seen(learn, bundled_address):
    page = learn(bundled_address, "4", box="qkv")
    attempt(page, "document.querySelector('#learn-diagram .detail').dataset.box === 'head'")
    assert "none" in page.inner_text("#learn-diagram .detail dl")
    assert page.locator("#learn-diagram .code .on").count() == 2
    page.hover('#learn-diagram [data-id="gelu"]')
    assert "nn.GELU()" in page.inner_text("#learn-diagram .code .on")
    page.click('#learn-diagram [data-id="down"]')
    values, shape = page.inner_text("#learn-diagram .flow"), page.inner_text("#learn-diagram dl")
    page.select_option("#learn-diagram select", "5")
    assert page.inner_text("#learn-diagram .flow") != values
    assert page.inner_text("#learn-diagram dl") == shape
    page.focus("#learn-diagram .chosen")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute("#learn-diagram .detail", "data-box") == "add2"

    go(page, "5")
    assert page.is_hidden("#learn-diagram section")
    attempt(page, text_is("To␣be,␣or␣not␣to␣beq"))
    choose(page, 18)
    page.wait_for_function("document.querySelector('#learn-figure').innerText.includes('what came next')")
    row = rows(page, "The loss at")[0]
    assert row[0] == "q"
    mean = float(page.inner_text(f"{FIGURE} figure:has-text('The loss at') figcaption").rstrip(".").split()[-1])
    assert float(row[3]) > 3 * mean
    page.focus(f"{FIGURE} .strivelm-chart canvas >> nth=1")  # the notebook's run, read out at its second place
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    read = page.inner_text(f"{FIGURE} .strivelm-chart .readout >> nth=1")
    assert read == "step 50: training text 2.29, validation text 2.87"

    go(page, "6")
    attempt(page, "document.querySelector('#learn-figure .controls output').textContent === '0'")
    page.wait_for_function("document.querySelectorAll('#learn-figure .share')[1].textContent === '100 %'")
    own, likeliest = page.locator(f"{FIGURE} .strivelm-bars .share").all_inner_texts()[:2]
    page.fill(f"{FIGURE} .controls input >> nth=0", "2")
    page.wait_for_function(
        "text => document.querySelectorAll('#learn-figure .share')[1].textContent !== text", arg=likeliest
    )
    assert per_cent(page.locator(f"{FIGURE} .strivelm-bars .share").all_inner_texts()[1]) < per_cent(own)

    go(page, "7")
    attempt(page, "document.querySelector('#learn-figure .controls output').textContent === '0'")
    settled(page)

    def again():
        page.click(f"{FIGURE} .controls button")
        settled(page)
        return page.inner_text(f"{FIGURE} .page")[:40]  # of a slow machine's text the end may differ

    assert again() == again()
    page.fill(f"{FIGURE} .controls input >> nth=0", "1")
    settled(page)
    assert again() != again()

    go(page, "8")
    attempt(page, text_is("aeiou"))
    for at, char in enumerate("aeiou"):
        choose(page, at)
        page.wait_for_function(f"document.querySelector('{FIGURE} canvas').ariaLabel.endsWith(', {char} ringed')")
    page.focus(f"{FIGURE} canvas")  # from the chosen character the arrow keys lead to others
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"document.querySelector('{FIGURE} .scale').textContent.includes(': ')")


def test_the_map_of_step_3_3_frames_the_chosen_row_and_is_read_by_pointer_and_keys(learn, address):
    page = learn(address, "3.3", text="abcdefgh", at="5")
    page.wait_for_function(f"document.querySelector('{FIGURE} .heat .strivelm-plot').clientWidth > 200")
    weights = {row[0]: row[4] for row in rows(page, "How much")}
    said = f"{FIGURE} .heat .scale"
    assert "square root" in page.inner_text(said)
    box = page.locator(f"{FIGURE} .heat .strivelm-plot").bounding_box()
    edge, side = 24, (box["width"] - 26) / 8  # beside the letters
    cell = {"x": edge + side * 2.5, "y": edge + side * 5.5}
    page.hover(f"{FIGURE} .heat .strivelm-plot", position=cell)
    found = page.inner_text(said)
    assert found.startswith("f (5) gives c (2) ")
    assert per_cent(found.split(") ")[-1]) == pytest.approx(per_cent(weights["2"]), abs=1)
    page.hover(f"{FIGURE} .strip")
    page.wait_for_function(f"document.querySelector('{said}').textContent.includes('square root')")
    page.focus(f"{FIGURE} .heat .strivelm-plot")
    page.keyboard.press("ArrowDown")  # on from the chosen row
    assert page.inner_text(said).startswith("g (6) gives a (0) ")
