"""The report: the document against its schema, the three files against the document."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import statistics
from html.parser import HTMLParser
from importlib.resources import files
from io import BytesIO

import pytest
from torch import nn

import regions
from regions.errors import OptionError
from regions.study.models import Abs, DeepMLP, ShallowMLP
from regions.study.report import SCHEMA, Report, ReportOptions, comparison_tables, make_report, tables

VOID = {"meta", "img", "br", "hr", "link", "input"}
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


def violations(value, schema, path="$"):
    """The part of JSON Schema that the shipped schema uses; an unknown keyword is an error in the schema."""
    known = {
        "$schema", "$id", "title", "description", "type", "required", "additionalProperties", "properties", "items",
        "const", "enum", "minimum", "exclusiveMinimum", "minItems",
    }  # fmt: skip
    assert set(schema) <= known, path
    if "const" in schema and value != schema["const"]:
        yield f"{path}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is not in {schema['enum']}"
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        allowed = tuple(
            t for name in names for t in (TYPES[name] if isinstance(TYPES[name], tuple) else (TYPES[name],))
        )
        if not isinstance(value, allowed) or (isinstance(value, bool) and "boolean" not in names):
            yield f"{path}: {value!r} is not of type {names}"
            return
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < schema.get("minimum", value):
            yield f"{path}: {value} is too small"
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            yield f"{path}: {value} is too small"
    if isinstance(value, dict):
        properties, additional = schema.get("properties", {}), schema.get("additionalProperties", True)
        yield from (f"{path}: {key} is missing" for key in schema.get("required", ()) if key not in value)
        for key, item in value.items():
            if key in properties:
                yield from violations(item, properties[key], f"{path}.{key}")
            elif additional is False:
                yield f"{path}: {key} is not known"
            elif isinstance(additional, dict):
                yield from violations(item, additional, f"{path}.{key}")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{path}: too few items"
        for i, item in enumerate(value):
            yield from violations(item, schema.get("items", {}), f"{path}[{i}]")


class Page(HTMLParser):
    """Collects what a page refers to, and complains about tags that do not close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.references, self.attributes, self.headers, self.text = [], [], [], {}, [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.attributes.setdefault(tag, []).append(attributes)
        if tag == "img":
            self.images.append(attributes)
        elif tag in {"script", "link", "iframe", "object", "embed"}:
            self.references.append(tag)
        self.references += [attributes[name] for name in ("href", "srcset", "data", "poster") if name in attributes]
        if tag == "th":
            self.headers.append(attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def report():
    return make_report(ReportOptions(seeds=[0, 1], bounds=[1, 10], resolution=60))


@pytest.fixture
def disagreeing(report):
    document = json.loads(report.to_json())
    run = document["runs"][0]
    run["cross_check"] |= {"passed": False, "summary": "FAIL: 7 pixels <are> wrong"}
    document["cross_check"] |= {
        "passed": False,
        "disagreements": [
            {**{key: run[key] for key in ("network", "seed", "bound")}, "summary": run["cross_check"]["summary"]}
        ],
    }
    return Report(document, report.figures)


@pytest.fixture(scope="module")
def schema():
    return json.loads(files("regions.study.report").joinpath("schema.json").read_text(encoding="utf-8"))


def test_document_follows_the_schema(report, schema):
    document = json.loads(report.to_json())
    assert list(violations(document, schema)) == []
    assert document["schema"] == SCHEMA == schema["title"]


def test_schema_check_sees_faults(report, schema):
    document = json.loads(report.to_json())
    document["runs"][0]["regions"] = "many"
    document["runs"][1]["surprise"] = 1
    del document["statistics"][0]["mean"]
    found = list(violations(document, schema))
    assert len(found) == 3, found


def test_counts_are_those_of_the_library(report):
    for run in report.document["runs"]:
        model = (ShallowMLP if run["network"] == "shallow" else DeepMLP)(seed=run["seed"])
        assert run["regions"] == regions.count_regions(model, run["bound"]), run["network"]
    assert len(report.document["runs"]) == 2 * 2 * 2


def test_statistics_are_those_of_the_runs(report):
    assert len(report.document["statistics"]) == 4
    for row in report.document["statistics"]:
        counts = [
            run["regions"]
            for run in report.document["runs"]
            if (run["network"], run["bound"]) == (row["network"], row["bound"])
        ]
        assert row["n"] == len(counts) == 2
        assert row["mean"] == statistics.fmean(counts)
        assert row["standard_deviation"] == statistics.stdev(counts)
        assert (row["minimum"], row["median"], row["maximum"]) == (min(counts), statistics.median(counts), max(counts))
        reach = 12.706204736 * statistics.stdev(counts) / 2**0.5
        assert row["confidence_interval"] == pytest.approx([row["mean"] - reach, row["mean"] + reach])
        seen = [
            run["cross_check"]["figures"]["maps_found"]
            for run in report.document["runs"]
            if (run["network"], run["bound"]) == (row["network"], row["bound"])
        ]
        assert row["picture"] == {"mean": statistics.fmean(seen), "minimum": min(seen), "maximum": max(seen)}


def test_shallow_maximum_is_beside_the_count(report):
    shallow, deep = report.document["networks"]
    assert (shallow["maximum"], shallow["parameters"], shallow["widths"]) == (211, 81, [2, 20, 1])
    assert (deep["maximum"], deep["parameters"], deep["widths"]) == (None, 111, [2, 5, 5, 5, 5, 1])
    assert all(run["regions"] <= 211 for run in report.document["runs"] if run["network"] == "shallow")


def test_bounds_are_those_of_the_library(report):
    from regions.bounds import for_network

    for network in report.document["networks"]:
        model = (ShallowMLP if network["name"] == "shallow" else DeepMLP)(seed=0)
        table = for_network(model)
        for kind, value in (("upper_bound", table.upper), ("lower_bound", table.lower)):
            assert network[kind]["value"] == table[network[kind]["theorem"]].value == value
        assert f"{table.upper} ({network['upper_bound']['theorem']})" in report.to_html()
    assert [network["upper_bound"]["value"] for network in report.document["networks"]] == [211, 65536]


def test_ratios_are_geometric_means_over_the_seeds(report):
    for row in report.document["ratios"]:
        counts = {
            (r["network"], r["seed"]): r["regions"] for r in report.document["runs"] if r["bound"] == row["bound"]
        }
        found = [counts["deep", seed] / counts["shallow", seed] for seed in (0, 1)]
        assert row["estimate"] == pytest.approx(statistics.geometric_mean(found))
        low, high = row["confidence_interval"]
        assert low <= row["estimate"] <= high
    (sentence,) = comparison_tables.ratios(report.document)
    assert f"{row['estimate']:.2f} in [-10, 10]² ({low:.2f} to {high:.2f})" in sentence
    assert sentence in report.to_markdown()


def test_counterparts_have_equal_neurons_or_parameters(report):
    found = report.document["counterparts"]
    assert [(row["widths"], row["role"]) for row in found] == [
        ([2, 20, 1], "shallow"),
        ([2, 5, 5, 5, 5, 1], "deep"),
        ([2, 27, 1], "nearest to deep in parameters"),
        ([2, 4, 4, 4, 4, 1], "nearest to shallow in parameters"),
    ]
    means = [row["mean"] for row in report.document["statistics"] if row["bound"] == 10]
    assert [row["mean"] for row in found[:2]] == means
    assert found[2]["mean"] == statistics.fmean(regions.count_regions(ShallowMLP(27, seed=s), 10) for s in (0, 1))
    options = ReportOptions(shallow_widths=(2, 4, 1), deep_widths=(2, 3, 3, 1), bounds=[3], seeds=[0], resolution=40)
    rows = make_report(dataclasses.replace(options, figures=False)).document["counterparts"]
    assert [(row["hidden_neurons"], row["role"]) for row in rows[2:]] == [
        (6, "equal to deep in neurons"),
        (4, "equal to shallow in neurons"),
    ]


def test_counterparts_too_large_to_count_are_left_out():
    options = ReportOptions(
        shallow_widths=(2, 3, 1), deep_widths=(2, 30, 30, 1), seeds=[0], bounds=[1], resolution=40, figures=False
    )
    found = [row["widths"] for row in make_report(options).document["counterparts"]]
    # A shallow network of as many parameters would have 262 neurons.
    assert found == [[2, 3, 1], [2, 30, 30, 1], [2, 60, 1], [2, 2, 1, 1], [2, 2, 2, 1]]


def test_growth_counts_every_width_and_depth(report):
    rows = report.document["growth"]
    assert [row["widths"] for row in rows] == [[2, *[w] * d, 1] for d in (1, 2, 4, 8) for w in (5, 10, 20)]
    for row in rows[:4]:
        counts = [regions.count_regions(DeepMLP(row["widths"][1:-1], seed=seed), 10) for seed in (0, 1)]
        assert (row["n"], row["minimum"], row["maximum"]) == (2, min(counts), max(counts))
        assert row["maximum"] <= row["upper_bound"]["value"]
    shown = comparison_tables.growth(report.document).rows[-1]
    assert shown[-2] == "3.93e+18"


def test_every_figure_stands_in_its_section(report):
    for text, marks in ((report.to_html(), "<h2>{}"), (report.to_markdown(), "## {}")):
        titles = ("Counts", "Exact, seen and possible", "Equal neurons", "Growth with width", "How far", "Pictures")
        starts = [text.index(marks.format(title)) for title in titles]
        assert starts == sorted(starts)
    figures = [(figure["section"], figure["file"]) for figure in report.document["figures"]]
    assert figures[:4] == [(name, f"figures/{name}.png") for name in ("counts", "bounds", "counterparts", "growth")]
    assert {section for section, _ in figures[4:]} == {"pictures"}
    for _, file in figures:
        assert f"({file})" in report.to_markdown()


def test_generic_shallow_network_reaches_its_maximum_far_out():
    far = make_report(ReportOptions(seeds=[0], bounds=[1e4], resolution=60, figures=False))
    assert far.document["runs"][0]["regions"] == 211


def test_single_seed_has_no_standard_deviation():
    options = ReportOptions(seeds=[3], bounds=[2], resolution=40, figures=False, shallow_widths=(2, 3, 1))
    document = make_report(options).document
    assert document["statistics"][0]["standard_deviation"] is None
    assert document["statistics"][0]["confidence_interval"] is None
    assert document["ratios"][0]["confidence_interval"] is None
    assert comparison_tables.ratios(document) == []
    assert document["figures"] == []
    assert "±" not in tables.as_text(tables.counts(document))
    assert document["networks"][0]["maximum"] == 1 + 3 + 3


def test_same_options_give_the_same_figures_of_the_document(report):
    again = make_report(ReportOptions(seeds=[0, 1], bounds=[1, 10], resolution=60))
    assert again.document["runs"] == report.document["runs"]
    assert again.figures == report.figures


@pytest.mark.parametrize("activation", ["abs", "leaky_relu"])
def test_other_activations(activation):
    options = ReportOptions(seeds=[0], bounds=[10], resolution=60, figures=False, activation=activation)
    report = make_report(options)
    assert report.passed
    assert {network["activation"] for network in report.document["networks"]} == {activation}
    layer = {"abs": Abs, "leaky_relu": nn.LeakyReLU}[activation]
    shallow, deep = (run["regions"] for run in report.document["runs"])
    assert shallow == regions.count_regions(ShallowMLP(20, layer, seed=0), 10)
    assert deep == regions.count_regions(DeepMLP([5, 5, 5, 5], layer, seed=0), 10)
    # A shallow count does not depend on the activation; the deep one shows that it was not relu's.
    assert deep != regions.count_regions(DeepMLP([5, 5, 5, 5], seed=0), 10)


def test_html_is_well_formed_self_contained_and_accessible(report):
    text = report.to_html()
    page = Page(text)
    assert page.references == []
    assert re.search(r"url\(|@import", text) is None
    assert page.attributes["html"] == [{"lang": "en"}]
    assert all(header["scope"] in {"col", "row"} for header in page.headers)
    assert page.headers
    captions = [p["id"] for p in page.attributes["p"] if p.get("class") == "caption"]
    assert len(captions) == len(set(captions)) == len(page.attributes["table"]) == 7
    assert [table["aria-labelledby"] for table in page.attributes["table"]] == captions
    assert len(page.images) == len(report.document["figures"]) == 8
    assert all(len(image["alt"]) > 40 for image in page.images)


def test_captions_stay_in_place_while_their_table_scrolls(report):
    for table in re.findall(r'<div class="scroll".*?</div>', report.to_html(), re.DOTALL):
        assert "caption" not in table.replace("aria-labelledby", "")
        assert re.findall(r'<th scope="col"[^>]*>', table)
    assert '<th scope="col" class="unbroken"><span class="unbroken">deep 2-5-5-5-5-1</span></th>' in report.to_html()


def test_coordinates_are_called_the_same_everywhere(report, monkeypatch):
    from matplotlib.figure import Figure

    drawn = []
    savefig = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *args, **options: (drawn.append(self), savefig(self, *args)))
    make_report(ReportOptions(seeds=[0], bounds=[1], resolution=40))
    for axes in (figure.axes for figure in drawn):
        assert {(ax.get_xlabel(), ax.get_ylabel()) for ax in axes} == {("x₁", "x₂")}
        assert [re.search(r"∂f/∂(..)", ax.get_title())[1] for ax in axes] == ["x₁", "x₁", "x₂", "x₂"]
    assert len(drawn) == 2
    for text in (report.to_html(), report.to_markdown()):
        assert re.search(r"∂f/∂(?!x[₁₂])", text) is None


def test_a_picture_whose_structure_is_all_in_the_middle_says_why():
    report = make_report(ReportOptions(seeds=[0], bounds=[1, 100], resolution=40))
    notes = {(figure["network"], figure["bound"]): figure["note"] for figure in report.document["figures"]}
    assert notes["shallow", 1] == notes["deep", 1] == ""
    complex = regions.enumerate_regions(ShallowMLP(seed=0), 100)
    near = regions.enumerate_regions(ShallowMLP(seed=0), 10)

    def inner(found):
        rim = found.edges[(found.edge_faces < 0).any(axis=1)]
        return len(found.vertices) - len(set(rim.ravel().tolist()))

    assert f"{inner(near)} of the {inner(complex)} inner vertices lie in [-10, 10]²" in notes["shallow", 100]
    assert notes["shallow", 100] in report.to_markdown()
    assert "sits in the middle" in report.to_html()


def test_the_ratio_is_said_to_be_one_of_means(report):
    assert "deep / shallow is the ratio of the means" in report.to_html()
    first = tables.counts(report.document).rows[0]
    means = [row["mean"] for row in report.document["statistics"][:2]]
    assert first[-1] == f"{means[1] / means[0]:.2f}"


def test_images_are_real_pictures(report):
    import base64

    import numpy as np
    from matplotlib.image import imread

    inline = [base64.b64decode(i["src"].removeprefix("data:image/png;base64,")) for i in Page(report.to_html()).images]
    assert inline == [report.figures[figure["file"]] for figure in report.document["figures"]]
    for png in inline:
        assert png.startswith(b"\x89PNG\r\n\x1a\n")
        pixels = imread(BytesIO(png))
        assert min(pixels.shape[:2]) > 300
        assert len(np.unique(pixels[::7, ::7, :3].reshape(-1, 3), axis=0)) > 20


def test_every_count_is_on_the_page_and_in_the_markdown(report):
    html, markdown = " ".join(Page(report.to_html()).text), report.to_markdown()
    for run in report.document["runs"]:
        assert re.search(rf"\b{run['regions']}\b", html)
        assert re.search(rf"\| {run['regions']} \|", markdown)
    for text in (html, markdown):
        assert "Cross-check passed: all 8 complexes agree" in text
        assert report.document["definition"] in text


def test_linear_region_is_never_said_without_its_definition(report):
    for text in (report.to_html(), report.to_markdown(), report.to_json()):
        rest = text.replace("open linear regions, closed linear regions and", "")
        rest = rest.replace("other definitions of “linear region”, can", "")
        assert "linear region" not in rest


def test_disagreement_is_shown_first(disagreeing):
    assert not disagreeing.passed
    html = disagreeing.to_html()
    Page(html)
    assert "Cross-check FAILED: 1 of 8 complexes disagrees" in html
    assert "FAIL: 7 pixels &lt;are&gt; wrong" in html
    assert html.index("7 pixels") < html.index("<h2>Counts</h2>")
    assert html.count('class="bad"') == 1
    markdown = disagreeing.to_markdown()
    assert "shallow, seed 0, bound 1" in markdown
    assert markdown.index("7 pixels") < markdown.index("## Counts")
    assert "1 FAILED" in tables.as_text(tables.checks(disagreeing.document))


def test_failed_cross_check_reaches_the_document(monkeypatch):
    from regions.pictures.verdict import CrossCheck

    monkeypatch.setattr(CrossCheck, "failures", property(lambda self: ("something is wrong",)))
    report = make_report(ReportOptions(seeds=[0], bounds=[1], resolution=40, figures=False))
    assert not report.passed
    assert [item["network"] for item in report.document["cross_check"]["disagreements"]] == ["shallow", "deep"]
    assert "something is wrong" in report.document["cross_check"]["disagreements"][0]["summary"]


def test_an_inconclusive_cross_check_is_no_disagreement():
    # Lines so close that every stencil reaches across one.
    options = ReportOptions(
        shallow_widths=(2, 400, 1), deep_widths=(2, 2, 1), seeds=[0], bounds=[1], resolution=16, figures=False
    )
    report = make_report(options)
    assert not report.passed
    assert tables.verdict(report.document).startswith("Cross-check INCONCLUSIVE: for 1 of 2 complexes the 16 × 16")
    assert tables.checks(report.document).rows[0][1] == "1 inconclusive"
    assert "FAILED" not in report.to_html() + report.to_markdown()
    assert 'class="bad"' in report.to_html()
    assert "take a finer resolution" in report.to_markdown()


def test_write_makes_all_files_and_replaces_old_ones(report, tmp_path):
    folder = tmp_path / "a" / "b"
    for _ in range(2):
        page = report.write(folder)
        assert page == folder / "report.html"
        names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
        assert names == {"report.html", "report.json", "report.md", *report.figures}
    assert json.loads((folder / "report.json").read_text(encoding="utf-8")) == report.document
    pictures = re.findall(r"!\[.*\]\((.*)\)", (folder / "report.md").read_text(encoding="utf-8"))
    assert len(pictures) == 8
    assert all((folder / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_an_earlier_reports_own_figures_go(report, tmp_path):
    report.write(tmp_path)
    (tmp_path / "figures" / "mine.png").write_bytes(b"mine")
    (tmp_path / "mine.png").write_bytes(b"mine")
    # A list that was tampered with names files of others.
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    document["figures"] += [
        {"file": name} for name in ("figures/mine.png", "mine.png", "figures/../mine.png", "/etc/hosts", None)
    ]
    (tmp_path / "report.json").write_text(json.dumps(document), encoding="utf-8")
    bare = Report({**report.document, "figures": []}, {})
    bare.write(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == sorted(
        ["report.html", "report.json", "report.md", "mine.png", "mine.png"]
    )
    (tmp_path / "figures" / "mine.png").unlink()
    report.write(tmp_path)
    bare.write(tmp_path)
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize(
    "name", ["report.html", "report.json", "report.md", "figures/counts.png", "figures/deep-1.png"]
)
def test_files_that_belong_to_no_report_stay(report, tmp_path, name):
    other = tmp_path / name
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(b'{"schema": "other/1"}')
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(
        FileExistsError, match=r"belongs to no report; choose another folder with --output, or .*--force"
    ):
        report.write(tmp_path)
    assert other.read_bytes() == b'{"schema": "other/1"}'
    assert sorted(tmp_path.rglob("*")) == before
    report.write(tmp_path, force=True)
    report.write(tmp_path)


def test_a_report_that_was_interrupted_is_replaced(report, tmp_path):
    """Its pictures are there, its list of them is not; they say themselves what they are."""
    report.write(tmp_path)
    for name in ("report.html", "report.json", "report.md"):
        (tmp_path / name).unlink()
    report.write(tmp_path)


def test_interrupted_write_leaves_no_part(report, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        report.write(tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_saved_model(tmp_path, schema):
    network = regions.from_torch(ShallowMLP(4, seed=1))
    network.save(tmp_path / "small.npz")
    report = make_report(ReportOptions(model=tmp_path / "small.npz", bounds=[5], resolution=60))
    (run,) = report.document["runs"]
    assert (run["network"], run["seed"], run["regions"]) == ("model", None, regions.count_regions(network, 5))
    assert list(report.figures) == ["figures/model-5.png"]
    assert report.document["options"]["seeds"] is None
    assert (report.document["counterparts"], report.document["growth"], report.document["ratios"]) == (None, None, [])
    (described,) = report.document["networks"]
    assert described["upper_bound"] == {"value": 11, "theorem": "zaslavsky"}
    assert list(violations(json.loads(report.to_json()), schema)) == []
    assert "small.npz" in report.to_markdown()
    assert "seed None" not in report.to_html() + report.to_markdown()


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such file name")
def test_names_are_escaped(tmp_path):
    regions.from_torch(ShallowMLP(2, seed=0)).save(tmp_path / "a<b>|c&.npz")
    report = make_report(ReportOptions(model=tmp_path / "a<b>|c&.npz", bounds=[5], resolution=40))
    page = Page(report.to_html())
    assert "b" not in page.attributes
    assert "a<b>|c&.npz (2-2-1)" in " ".join(page.text)
    rows = [line for line in report.to_markdown().splitlines() if line.startswith("| a")]
    assert rows
    assert all(r"a&lt;b>\|c\&" in row for row in rows)


NASTY = (
    r"<img src=x onerror=alert(1)>[x](javascript:alert(2))![y](z)`|`|$\frac$*a*_b_~~c~~&lt;\[q](r)",
    "]: [[a]](b) \\",
    "two\n\n# lines\x1b[31m\u202e",
    "\udcff",
)


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such file name")
@pytest.mark.parametrize("name", NASTY)
def test_a_hostile_name_is_shown_and_not_obeyed(tmp_path, name):
    path = tmp_path / f"{name}.npz"
    regions.from_torch(ShallowMLP(2, seed=0)).save(path)
    report = make_report(ReportOptions(model=path, bounds=[5], resolution=40))
    report.write(tmp_path / "report")
    shown = report.document["networks"][0]["title"]
    assert shown.isprintable()
    if name.isprintable():
        assert shown.startswith(name)
    page = Page(report.to_html())
    assert {image["src"][:22] for image in page.images} == {"data:image/png;base64,"}
    assert "onerror" not in page.attributes
    assert shown in " ".join(page.text)
    markdown = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "<" not in markdown
    assert re.findall(r"(?<!\\)\]\((.*)\)", markdown) == ["figures/model-5.png"]
    rendered = pytest.importorskip("markdown_it").MarkdownIt().enable(["table", "strikethrough"]).parse(markdown)
    inline = [child for token in rendered for child in token.children or ()]
    assert {child.type for child in inline} <= {
        "text",
        "text_special",
        "strong_open",
        "strong_close",
        "image",
        "softbreak",
    }
    (image,) = (child for child in inline if child.type == "image")
    assert image.attrs["src"] == "figures/model-5.png"
    assert shown in image.content.replace("\\", "") or "\\" in shown
    texts = ["".join(child.content for child in token.children or ()) for token in rendered]
    assert sum(shown in text for text in texts) >= 4
    assert any(text == shown for text in texts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shallow_widths": (2, 20)}, "shallow widths 2,20 were given"),
        ({"shallow_widths": (2, 5, 5, 1)}, "exactly one hidden layer"),
        ({"shallow_widths": (3, 5, 1)}, "the first must be 2"),
        ({"deep_widths": (2, 0, 1)}, "all integers >= 1"),
        ({"deep_widths": ()}, "of no layer"),
        ({"deep_widths": (2, True, 1)}, "all integers >= 1"),
        ({"activation": "gelu"}, "allowed are abs, leaky_relu, relu"),
        ({"seeds": ()}, "one or more integers"),
        ({"seeds": (-1,)}, "seeds -1 were given"),
        ({"seeds": (2**63,)}, "from 0 to"),
        ({"seeds": (1, 1)}, "each may appear once"),
        ({"bounds": ()}, "one or more finite numbers > 0"),
        ({"bounds": (10, -1)}, "bounds -1,10 were given"),
        ({"bounds": (float("nan"),)}, "finite"),
        ({"bounds": (10, 10.0)}, "each may appear once"),
        ({"bounds": ("wide",)}, "numbers > 0 are needed"),
        ({"resolution": 15}, "from 16 to 4000"),
        ({"model": "m.npz", "seeds": (1,)}, "seeds was given together with a model"),
        ({"model": "m.npz", "activation": "abs", "deep_widths": (2, 3, 1)}, "deep_widths and activation was given"),
        ({"resolution": 100.0}, "resolution 100.0 was given"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        ReportOptions(**options)


def test_network_without_inner_vertices_has_no_outermost_one():
    options = ReportOptions(shallow_widths=(2, 1, 1), seeds=[0], bounds=[5], resolution=40, figures=False)
    document = make_report(options).document
    assert document["runs"][0]["regions"] == 2
    assert document["runs"][0]["farthest_vertex"] is None
    assert tables.reach(document).rows[0] == ("shallow 2-1-1", "2.0", "0", "0", "0")


def test_the_whole_plane_holds_all_that_a_square_shows(report):
    for row in report.document["whole_plane"]:
        runs = [r for r in report.document["runs"] if (r["network"], r["seed"]) == (row["network"], row["seed"])]
        assert row["regions"] >= max(run["regions"] for run in runs)
        assert row["regions"] == (211 if row["network"] == "shallow" else row["regions"])
        assert row["farthest_vertex"] > 0


def test_figures_that_are_not_finite_are_said_to_be_so(report):
    document = json.loads(report.to_json())
    for run in document["runs"]:
        run["cross_check"]["figures"] |= {"largest_deviation": None, "sufficient_resolution": None}
    for row in tables.checks(document).rows:
        assert "not finite" in row
        assert row[-1] == "> 10⁹"


def test_missing_library_is_no_error(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("regions.study.report.study.version", absent)
    report = make_report(ReportOptions(seeds=[0], bounds=[1], resolution=40, figures=False))
    assert report.document["environment"]["torch"] == "unknown"


def test_folder_that_cannot_be_written_to_is_told_at_once(tmp_path, monkeypatch):
    from regions.study.report.result import prepare_folder

    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(PermissionError, match="--output"):
        prepare_folder(tmp_path)


def test_a_folder_in_the_place_of_a_file_is_told_before_the_work(tmp_path):
    from regions.study.report.result import prepare_folder

    (tmp_path / "report.html").mkdir()
    with pytest.raises(IsADirectoryError, match="choose another one"):
        prepare_folder(tmp_path)
