"""What stands about the project beside its code: version, Pythons, citation, changelog, links and workflows agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

import napari_neuralfield

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FORMS = ["bug_report", "data_that_fails", "feature_request"]


def read_yaml(*parts: str) -> dict:
    loaded = yaml.safe_load(ROOT.joinpath(*parts).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def prose(page: Path) -> str:
    """The text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub links to them, and its own anchors."""
    headings = re.findall(r"^#+ +(.+?)\s*$", prose(page), flags=re.MULTILINE)
    own = re.findall(r'<a id="([^"]+)">', prose(page))
    return {*own, *(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)}


def test_the_version_is_the_same_everywhere():
    assert PROJECT["version"] == napari_neuralfield.__version__
    assert str(read_yaml("CITATION.cff")["version"]) == napari_neuralfield.__version__


def test_any_python_from_the_oldest_on_and_those_tested_are_named():
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert named == PYTHONS


def test_who_made_it_and_what_it_is_about():
    assert PROJECT["authors"]
    assert len(PROJECT["keywords"]) >= 5
    assert (ROOT / PROJECT["readme"]).is_file()


def test_the_citation_can_be_read():
    citation = read_yaml("CITATION.cff")
    assert {"cff-version", "message", "title", "authors", "version", "license", "references"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] == PROJECT["name"]
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]
    for reference in citation["references"]:
        assert {"type", "title", "authors", "journal", "year"} <= set(reference)
        assert re.fullmatch(r"10\.\d{4,9}/\S+", reference.get("doi", "10.0000/none"))


def test_the_changelog_tells_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[(.+?)\](?: - \d{4}-\d{2}-\d{2})?$", text, flags=re.MULTILINE)
    assert sections[0] == "Unreleased"
    assert napari_neuralfield.__version__ in sections


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken, f"{page.name} links to what is not there: {broken}"


def test_continuous_integration_runs_three_systems_and_every_python():
    test = read_yaml(".github", "workflows", "ci.yml")["jobs"]["test"]
    matrix = test["strategy"]["matrix"]
    assert [system.split("-")[0] for system in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == PYTHONS
    runs = [step.get("run", "") for step in test["steps"]]
    assert any(".ci/run" in run for run in runs)
    assert any("python -m pytest" in run for run in runs)


def test_a_release_is_tried_before_it_is_published_and_needs_approval():
    jobs = read_yaml(".github", "workflows", "release.yml")["jobs"]
    assert any("make release" in step.get("run", "") for step in jobs["build"]["steps"])
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["environment"]["name"] == "pypi"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}


def test_pins_of_the_release_tools_are_there():
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for tool in ("build", "twine", "torch"):
        assert re.search(rf"^{tool}==", pins, flags=re.MULTILINE), f"constraints.txt does not pin {tool}"


@pytest.mark.parametrize("name", FORMS)
def test_forms_ask_for_what_a_maintainer_needs(name: str):
    form = read_yaml(".github", "ISSUE_TEMPLATE", f"{name}.yml")
    assert {"name", "description", "body"} <= set(form)
    fields = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(set(fields)) == len(fields)
    assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_updates_of_packages_and_actions_are_proposed():
    updates = read_yaml(".github", "dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "github-actions"}
