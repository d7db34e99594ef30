"""A recording whose values are still being said: its file or array, its sidecar as it is to be, and its draft."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from ...data.acquisition import Draft, quantities
from ...data.quantity import check_value
from ...io import draft_of_array, open_draft
from ...io.native import links
from ...io.native.atomic import writing
from ...io.sidecar import finding, layout
from ...types import InputError
from .questions import Values

LEDS = ("illumination_na", "led_na")


@dataclasses.dataclass
class Import:
    """A recording, its sidecar as it is to be, and what is known so far."""

    recording: Path
    sidecar: Path
    there: bool  # whether the sidecar is on the disk already
    values: Values
    typed: set[Path] = dataclasses.field(default_factory=set, kw_only=True)  # files that the user named

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        """Within the block files that the user named may lie anywhere."""
        with links.following():
            for path in self.typed:
                links.typed(path)
            yield

    def draft(self) -> Draft:
        """The frames with what is known so far."""
        with self.allowed(), finding.unwritten(self.sidecar, self.values):
            return open_draft(self.recording)

    def put(self, name: str, value: object) -> None:
        """Take a value; one that breaks its rule is refused, and all is as it was.

        Parameters
        ----------
        name : of the value.
        value : as a sidecar holds it.

        Raises
        ------
        InputError : for a value that breaks its rule.
        """
        before = dict(self.values)
        try:
            self.values[name] = value
            draft = self.draft()
            known = quantities(draft.kind)
            found = draft.derived()
            for each in LEDS if name == "leds" else (name,):
                if each in known and found.get(each) is not None:
                    check_value(each, known[each], found[each], str(self.sidecar))
        except InputError:
            self.values = before
            raise

    def unsaid(self) -> Values:
        """The values that the sidecar on the disk lacks, or gives otherwise."""
        said = finding.load(self.sidecar) if self.there else {}
        return {name: value for name, value in self.values.items() if name not in said or said[name] != value}

    def write_sidecar(self) -> None:
        """Write every value as the sidecar, in the place of an older one."""
        with writing(self.sidecar) as path:
            path.write_text(as_yaml(self.values), encoding="utf-8")
        self.there = True


@dataclasses.dataclass
class ArrayImport(Import):
    """Frames that another program has read; `recording` is where they come from.

    array, axes : as held, and a letter for each axis, '' where they are not known.
    notes : what is to be said of it.
    """

    array: layout.Stored
    axes: str
    notes: list[str]

    def draft(self) -> Draft:
        """The frames with what is known so far."""
        with self.allowed(), finding.unwritten(self.sidecar, self.values):
            return draft_of_array(self.array, self.axes, self.recording, self.notes)


def as_yaml(values: Mapping[str, object]) -> str:
    """Values as the text of a sidecar."""
    return yaml.safe_dump(dict(values), sort_keys=False, default_flow_style=None, allow_unicode=True, width=110)


def begin(files: Sequence[Path]) -> Import:
    """The recording: a file, a folder, or some images of one.

    Raises
    ------
    InputError : for files of several folders, or other ones than the sidecar names.
    """
    if len(files) == 1:
        recording, given = files[0], {}
    else:
        folders = {file.resolve().parent for file in files}
        if len(folders) > 1:
            raise InputError(
                f"{files[-1]}: the files lie in {len(folders)} folders; a recording lies in one, so move them together"
            )
        recording, given = files[0].parent, {"files": [file.name for file in files]}
    found = finding.find(recording)
    values = {} if found is None else finding.load(found)
    if given and values.get("files", given["files"]) != given["files"]:
        raise InputError(
            f"{found}: files is {values['files']!r} but other files are named; import the folder as it is, "
            f"{recording}, or correct the sidecar"
        )
    return Import(recording, found or finding.candidates(recording)[0], found is not None, {**values, **given})
