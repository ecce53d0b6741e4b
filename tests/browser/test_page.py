"""The page of `ek report` in a real browser: it needs nothing, runs nothing, fits and can be read."""

import os
import shutil

import numpy as np
import pytest

import ensemble_kit as ek

CLASSES = ("<script>document.title='run'</script>", "$x^2$", "a&b\"c'", "<img src=x onerror=alert(1)>", "x" * 120)
IMAGES = 83

CONTRAST = """() => {
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = one => {
    for (let at = one; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const one of document.body.querySelectorAll('*')) {
    const inChart = one.namespaceURI.endsWith('svg');
    if (inChart && one.tagName !== 'text') continue;
    if (![...one.childNodes].some(child => child.nodeType === 3 && child.textContent.trim())) continue;
    const style = getComputedStyle(one);
    const ink = numbers(inChart ? style.fill : style.color);
    const on = behind(inChart ? one.closest('figure') : one);
    const pair = [light(ink), light(on)].sort((a, b) => b - a);
    if (inChart && pair[0] - pair[1] < .01) continue;  // paper on a dark square
    found.push([(pair[0] + .05) / (pair[1] + .05), one.tagName, one.textContent.slice(0, 40)]);
  }
  return found;
}"""
WIDER = """width => [...document.body.querySelectorAll('*')]
  .filter(one => !one.closest('.scroll') && one.getBoundingClientRect().right > width + .5)
  .map(one => one.tagName + ' ' + one.textContent.slice(0, 40))"""


def within(folder):
    folder.mkdir()
    os.chdir(folder)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A blend of imported members whose classes, ids and names try to be more than text, and its page."""
    before = os.getcwd()
    within(tmp_path_factory.mktemp("browser") / "hostile")
    try:
        random = np.random.default_rng(0)
        labels = random.integers(len(CLASSES), size=IMAGES)
        ids = [f'"><script>alert({place})<!--{"$" * (place % 3)}.png' for place in range(IMAGES)]
        for name in ("<b>bold", "'; DROP $y$"):
            scores = 1.5 * np.eye(len(CLASSES))[labels] + random.normal(size=(IMAGES, len(CLASSES)))
            classes = np.array(CLASSES)
            np.savez("val.npz", image_ids=np.array(ids), classes=classes, scores=scores, labels=classes[labels])
            ek.members_add(name, val="val.npz", kind="logits")
        ek.blend(name="<i>blend&amp;", weights="equal", quiet=True)
        yield ek.report(quiet=True).html.resolve()
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def plain(walked, tmp_path_factory):
    """The page of a blend of members that were trained here, with thumbnails."""
    before = os.getcwd()
    folder = tmp_path_factory.mktemp("browser") / "road"
    shutil.copytree(walked, folder)
    os.chdir(folder)
    try:
        ek.blend(name="both", weights="equal", quiet=True)
        yield ek.report(quiet=True).html.resolve()
    finally:
        os.chdir(before)


@pytest.fixture(params=["plain", "hostile"])
def html(request):
    return request.getfixturevalue(request.param)


def test_nothing_but_the_file_is_asked_for_and_nothing_is_complained_of(visit, html):
    page = visit(html)
    assert [url for url in page.asked if not url.startswith("data:")] == [html.as_uri()]
    assert page.said == []


def test_names_are_text_and_run_nothing(visit, hostile):
    page = visit(hostile)
    assert page.title() == "<i>blend&amp;: what the blend is worth"
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate("document.querySelectorAll('[onerror], iframe, object, form').length") == 0
    said = page.inner_text("body")
    for name in (*CLASSES, "<b>bold", "'; DROP $y$", "<script>alert("):
        assert name in said


def test_a_script_that_came_in_all_the_same_would_not_run(visit, plain, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text(plain.read_text().replace("<main>", "<main><script>document.title = 'run'</script>"))
    page = visit(broken)
    assert page.title() != "run"
    assert "Content Security Policy" in page.said[0]


def test_every_image_and_chart_says_what_it_shows(visit, html):
    page = visit(html)
    silent = page.evaluate(
        "[...document.querySelectorAll('img')].filter(one => !one.alt).length"
        " + [...document.querySelectorAll('svg')]"
        ".filter(one => one.getAttribute('role') !== 'img' || !one.getAttribute('aria-label')).length"
    )
    assert silent == 0
    assert page.locator("svg").count() >= 3


def test_thumbnails_are_there_and_can_be_seen(visit, plain):
    page = visit(plain)
    assert page.locator("img").count() >= 12
    assert page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_page_is_never_wider_than_the_screen(visit, html, width):
    page = visit(html, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(WIDER, width) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_daylight_and_at_night(visit, html, scheme):
    page = visit(html, scheme=scheme)
    found = page.evaluate(CONTRAST)
    assert len(found) > 100
    assert [one for one in found if one[0] < 4.5] == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(paper[4:].split(",")[0])
    assert red > 240 if scheme == "light" else red < 40


def test_every_part_can_be_reached_by_its_link(visit, html):
    page = visit(html)
    targets = page.evaluate("[...document.querySelectorAll('nav a')].map(one => one.getAttribute('href'))")
    assert len(targets) == 10
    assert all(page.locator(target).count() == 1 for target in targets)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
