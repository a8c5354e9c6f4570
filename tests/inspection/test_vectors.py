"""Geometry against scikit-learn, SciPy, brute force and closed forms."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from strivelm.inspection.vectors import (
    CLASSES,
    MAX_CLUSTERED,
    Space,
    average_linkage,
    by_character,
    char_class,
    cosine,
    nearest,
    neighbours,
    pca,
    purity,
    similarity,
)


def cloud(points, channels, seed=0, dtype=torch.float64):
    """Points that vary more in some directions than in others, and not around 0."""
    stream = torch.Generator().manual_seed(seed)
    scales = torch.linspace(1, 3, channels, dtype=torch.float64)
    return (torch.randn(points, channels, generator=stream, dtype=torch.float64) * scales + 0.5).to(dtype)


def space(chars, channels=6, seed=0):
    return Space("points", tuple(chars), tuple(map(char_class, chars)), cloud(len(chars), channels, seed))


SIZES = st.tuples(st.integers(1, 12), st.integers(1, 8), st.integers(0, 99))

# -- classes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chars", "expected"),
    [
        ("aeiouéüåæœøıαώыёюі", "lower vowel"),
        ("AEIOUÉÜÅÆΑΏЫЁІ", "upper vowel"),
        ("bcywzñçßþйўжβ", "lower consonant"),
        ("BCYWZÑÞЙЎЖΒ\u01c5", "upper consonant"),
        ("漢あאعक한ªʰ\u0561Ა", "letter"),
        ("0935٣Ⅷ½²", "digit"),
        (".,:;!?'\"-—&$+|~«»¿、😀€", "punctuation"),
        (" \n\t\r\u00a0\u2003\u3000\u2028", "space"),
        ("\u0301\0\u200b\ufffe", "other"),
    ],
)
def test_characters_of_every_class(chars, expected):
    assert {char: char_class(char) for char in chars} == dict.fromkeys(chars, expected)


@given(st.characters() | st.text(max_size=3))
def test_every_character_has_one_class_which_follows_its_case(char):
    found = char_class(char)
    assert found in CLASSES
    if len(char) != 1:
        assert found == "other"
    elif found.startswith(("lower", "upper")) and len(char.swapcase()) == 1 and char.swapcase().swapcase() == char:
        kinds = {char_class(char).split()[-1], char_class(char.swapcase()).split()[-1]}
        assert kinds <= {"vowel", "consonant", "letter"}
        assert found.startswith("lower") == char.islower()


# -- principal components ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("points", "channels"), [(65, 20), (8, 30)])
def test_principal_components_are_scikit_learns(points, channels):
    decomposition = pytest.importorskip("sklearn.decomposition")
    x = cloud(points, channels)
    for components in (2, 3):
        found = pca(x, components)
        theirs = decomposition.PCA(components, svd_solver="full")
        np.testing.assert_allclose(found.coordinates, theirs.fit_transform(x.numpy()), atol=1e-12)
        np.testing.assert_allclose(found.explained, theirs.explained_variance_ratio_, atol=1e-14)
        np.testing.assert_allclose(found.directions, theirs.components_, atol=1e-12)
        np.testing.assert_allclose(found.mean, theirs.mean_, atol=1e-14)


@given(SIZES)
def test_principal_components_are_the_covariances_eigenvectors(sizes):
    points, channels, seed = sizes
    assume(points > 1)
    x = cloud(points, channels, seed)
    found = pca(x, 99)
    covariance = np.cov(x.numpy().T, bias=True).reshape(channels, channels)
    values = np.linalg.eigvalsh(covariance)[::-1][: min(points, channels)]
    np.testing.assert_allclose(found.explained, values / covariance.trace(), atol=1e-12)
    assert found.explained.sum().item() == pytest.approx(1)
    for value, direction in zip(values, found.directions.numpy(), strict=True):
        np.testing.assert_allclose(covariance @ direction, value * direction, atol=1e-10)
        assert direction[np.abs(direction).argmax()] > 0
    np.testing.assert_allclose(found.coordinates @ found.directions + found.mean, x, atol=1e-12)  # nothing is lost
    assert found.even == 1 / min(points - 1, channels)


def test_signs_do_not_hang_on_the_order_of_the_points():
    x, order = cloud(20, 7), torch.randperm(20, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(pca(x[order], 3).directions, pca(x, 3).directions, rtol=0, atol=1e-12)
    torch.testing.assert_close(pca(x[order], 3).coordinates, pca(x, 3).coordinates[order], rtol=0, atol=1e-12)


def test_components_of_few_or_equal_points():
    alone = pca(torch.ones(1, 5), 3)
    assert (alone.coordinates.tolist(), alone.explained.tolist()) == ([[0.0]], [0.0])
    equal = pca(torch.ones(4, 5), 2)
    assert (equal.coordinates.abs().max().item(), equal.explained.tolist()) == (0, [0, 0])
    assert pca(torch.tensor([[1.0], [3.0]]), 2).coordinates.tolist() == [[-1.0], [1.0]]
    with pytest.raises(ValueError, match="components is 0; expected a number from 1"):
        pca(torch.ones(4, 5), 0)


# -- similarity --------------------------------------------------------------------------------------------------------


@given(SIZES)
def test_similarity_is_scikit_learns(sizes):
    metrics = pytest.importorskip("sklearn.metrics.pairwise")
    points, channels, seed = sizes
    x = cloud(points, channels, seed)
    x[0] = 0  # has no direction
    np.testing.assert_allclose(cosine(x), metrics.cosine_similarity(x.numpy()), atol=1e-14)


def test_similarity_is_torchs():
    x, y = cloud(5, 4, dtype=torch.float32), cloud(3, 4, seed=1, dtype=torch.float32)
    expected = torch.nn.functional.cosine_similarity(x[:, None].double(), y[None].double(), dim=-1)
    torch.testing.assert_close(cosine(x, y), expected, rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match="the similarity of 5 with 5 points needs 200 bytes; at most 199"):
        cosine(x, max_bytes=199)


@given(st.text("aeAEbB.,; \n1漢", min_size=1, max_size=20), st.sampled_from(["given", "class", "clusters"]))
def test_an_order_changes_nothing_but_the_order(chars, order):
    points = space(chars)
    found = similarity(points, order)
    places = found.order.tolist()
    assert sorted(places) == list(range(len(chars)))
    assert found.chars == tuple(chars[place] for place in places)
    assert found.classes == tuple(map(char_class, found.chars))
    np.testing.assert_array_equal(found.cosine, cosine(points.vectors)[places][:, places])
    if order == "given":
        assert places == sorted(places)
    if order == "class":
        assert [(CLASSES.index(char_class(chars[place])), place) for place in places] == sorted(
            (CLASSES.index(char_class(char)), place) for place, char in enumerate(chars)
        )
    assert len(found.merges) == len(found.heights) == (len(chars) - 1 if order == "clusters" else 0)


@pytest.mark.parametrize("points", [1, 2, 3, 30])
def test_clusters_are_scipys(points):
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    distance = pytest.importorskip("scipy.spatial.distance")
    found = similarity(space([chr(ord("a") + i) for i in range(points)]), "clusters")
    assert found.merges.shape == (points - 1, 2)
    if points > 1:
        vectors = space([chr(ord("a") + i) for i in range(points)]).vectors.numpy()
        theirs = hierarchy.linkage(distance.pdist(vectors, "cosine"), "average")
        np.testing.assert_array_equal(found.merges, np.sort(theirs[:, :2], axis=1))
        np.testing.assert_allclose(found.heights, theirs[:, 2], atol=1e-12)


@given(st.integers(2, 9), st.integers(0, 99))
def test_each_cluster_stands_together_in_the_order(points, seed):
    merges, heights, order = average_linkage(1 - cosine(cloud(points, 3, seed)))
    members = {point: [point] for point in range(points)}
    for step, (one, other) in enumerate(merges.tolist()):
        members[points + step] = members.pop(one) + members.pop(other)
        together = sorted(order.index(point) for point in members[points + step])
        assert together == list(range(together[0], together[-1] + 1))
    assert len(members) == 1
    assert heights.tolist() == sorted(heights.tolist())  # average linkage has no inversions
    assert order[0] == 0


def test_what_can_not_be_ordered():
    with pytest.raises(ValueError, match="order is 'size'; choose from given, class, clusters"):
        similarity(space("abc"), "size")
    with pytest.raises(ValueError, match="there are 1,001 points; at most 1,000 are clustered"):
        average_linkage(torch.zeros(MAX_CLUSTERED + 1, MAX_CLUSTERED + 1))


# -- neighbours --------------------------------------------------------------------------------------------------------


def by_hand(vectors, i, j):
    a, b = vectors[i].tolist(), vectors[j].tolist()
    return sum(map(math.prod, zip(a, b, strict=True))) / math.hypot(*a) / math.hypot(*b)


def test_neighbours_are_the_likest():
    points = space("aeiouAE.,! \n")
    for number, char in enumerate(points.chars):
        likeness = {other: by_hand(points.vectors, number, other) for other in range(12) if other != number}
        expected = sorted(likeness, key=likeness.get, reverse=True)
        found = neighbours(points, char, 4)
        assert found.points.tolist() == expected[:4]
        assert found.chars == tuple(points.chars[i] for i in expected[:4])
        assert found.classes == tuple(map(char_class, found.chars))
        assert found.cosine.tolist() == pytest.approx([likeness[i] for i in expected[:4]])
        assert neighbours(points, number, 99).points.tolist() == expected


def test_of_equals_the_smaller_number_comes_first():
    points = Space("points", tuple("abcd"), ("letter",) * 4, torch.tensor([[1.0, 0], [0, 1], [2, 0], [3, 0]]).double())
    assert neighbours(points, "a", 3).chars == ("c", "d", "b")
    assert purity(points).nearest.tolist() == [2, 0, 0, 0]


def test_the_nearest_of_all_are_those_of_each():
    points = space("abcdefghijklmnop")
    found = nearest(points, 4)
    likeness = cosine(points.vectors).numpy()
    for i, char in enumerate(points.chars):
        one = neighbours(points, char, 4)
        assert found.points[i].tolist() == one.points.tolist()
        assert found.cosine[i].tolist() == pytest.approx(one.cosine.tolist())
        assert found.average[i] == pytest.approx(np.delete(likeness[i], i).mean())
    assert nearest(points, 99).points.shape == (16, 15)
    alone = nearest(space("a"), 3)
    assert (alone.points.shape, alone.average.isnan().item()) == ((1, 0), True)
    with pytest.raises(ValueError, match="k is 0"):
        nearest(points, 0)


def test_what_has_no_neighbours():
    points = space("aab")
    with pytest.raises(ValueError, match=r"'a' has several points; take the mean of each character: by_character"):
        neighbours(points, "a")
    with pytest.raises(ValueError, match=r"'z' has no point in this space \(points\)"):
        neighbours(points, "z")
    with pytest.raises(ValueError, match="k is 0"):
        neighbours(points, "b", 0)
    for number in (3, -1):
        with pytest.raises(IndexError, match=f"there is no point {number}; expected one from 0 to 2"):
            neighbours(points, number)
    assert neighbours(space("a"), "a").chars == ()


def test_of_many_points_the_nearest_are_found_in_pieces():
    points = space([chr(0x4E00 + i) for i in range(1100)], channels=3)
    table = cosine(points.vectors).fill_diagonal_(-2)
    assert purity(points).nearest.tolist() == table.argmax(1).tolist()


# -- purity ------------------------------------------------------------------------------------------------------------

GROUPS = {
    "class": char_class,
    "kind": lambda char: char_class(char).split()[-1],
    "case": lambda char: char_class(char).split()[0],
    "character": lambda char: char,
}


@given(st.text("aeAEbB.,; \n\0001漢", min_size=1, max_size=15), st.sampled_from(sorted(GROUPS)), st.booleans(), SIZES)
def test_purity_and_chance_are_those_of_counting_by_hand(chars, by, same_letter, sizes):
    points, group = space(chars, sizes[1], sizes[2]), GROUPS[by]
    found, table = purity(points, by, same_letter), cosine(points.vectors)
    hits, chances = {}, {}
    for i, char in enumerate(chars):
        others = [j for j in range(len(chars)) if j != i and (same_letter or chars[j].lower() != char.lower())]
        if not others:
            assert found.nearest[i] == -1
            continue
        best = max(table[i, j].item() for j in others)
        near = found.nearest[i].item()
        assert near in others
        assert table[i, near].item() == pytest.approx(best)
        hits.setdefault(group(char), []).append(group(chars[near]) == group(char))
        chances.setdefault(group(char), []).append(np.mean([group(chars[j]) == group(char) for j in others]))
    sizes = Counter(map(group, chars))
    assert dict(zip(found.groups, found.sizes.tolist(), strict=True)) == sizes
    for name, pure, chance in zip(found.groups, found.group_purity, found.group_chance, strict=True):
        assert pure.item() == pytest.approx(np.mean(hits[name]) if name in hits else math.nan, nan_ok=True)
        assert chance.item() == pytest.approx(np.mean(chances[name]) if name in hits else math.nan, nan_ok=True)
    whole = list(itertools.chain(*hits.values()))
    assert found.purity == pytest.approx(np.mean(whole) if whole else math.nan, nan_ok=True)
    assert found.chance == pytest.approx(
        np.mean(list(itertools.chain(*chances.values()))) if whole else math.nan, nan_ok=True
    )


def test_chance_is_the_closed_form_from_class_sizes():
    chars = "aeiou" + "bcdfg" + "AB" + ".,!?" + " "
    sizes, N = [5, 5, 1, 1, 4, 1], 17
    assert purity(space(chars)).chance == pytest.approx(sum(n * (n - 1) for n in sizes) / (N * (N - 1)))


def test_letters_beside_their_other_case_are_pure_by_kind_only():
    """Each letter lies closest to its other case, then to the other letters of its class."""
    chars, vectors = "aeoAEObcdBCD", torch.zeros(12, 12, dtype=torch.float64)
    for number, char in enumerate(chars):
        vectors[number, "aeobcd".index(char.lower())] = 1.0
        vectors[number, 6] = 0.5 if char.islower() else -0.5
        vectors[number, 7] = 0.7 if char.lower() in "aeo" else -0.7
    points = Space("points", tuple(chars), tuple(map(char_class, chars)), vectors)
    assert purity(points).purity == 0
    assert purity(points, "case").purity == 0
    assert purity(points, "kind").purity == 1
    assert purity(points, same_letter=False).purity == 1
    assert purity(points, "class", same_letter=False).chance == pytest.approx(2 / 10)


def test_purity_by_other_groups_is_refused():
    with pytest.raises(ValueError, match="by is 'size'; choose from class, kind, case, character"):
        purity(space("ab"), "size")


# -- means -------------------------------------------------------------------------------------------------------------


@given(st.text("abc\n", min_size=1, max_size=20))
def test_a_characters_point_is_the_mean_of_its_points(text):
    points = space(text)
    means = by_character(points)
    assert means.chars == tuple(sorted(set(text)))
    assert means.what == "means of points"
    for char, kind, vector in zip(means.chars, means.classes, means.vectors, strict=True):
        assert kind == char_class(char)
        expected = points.vectors[[i for i, other in enumerate(text) if other == char]].mean(0)
        torch.testing.assert_close(vector, expected)
    assert means.index(text[0]) == means.chars.index(text[0])


def test_results_become_tables_and_plain_python():
    pytest.importorskip("pandas")
    points = space("aeb.")
    table = similarity(points, "class").to_frame("cosine")
    assert list(table.columns) == ["point", "other", "cosine"]
    assert len(table) == 16
    assert purity(points).to_frame("group_purity", "groups").shape == (3, 3)
    assert purity(space("a")).to_dict()["purity"] is None
    assert similarity(points, "class").to_dict()["merges"] == []
    assert list(pca(points.vectors, 3).to_frame().columns) == ["point", "component", "coordinates"]
