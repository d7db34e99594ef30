"""Which images of a folder are its frames, in which order, and what is odd about the folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ...data.names.name_order import families, in_natural_order
from ...types import InputError
from ..native import links
from ..sidecar.by_name import listed

SUFFIXES = (".tif", ".tiff", ".png")


def chosen_images(folder: Path, given: Mapping[str, object], where: Path | None) -> list[Path]:
    """The images of a folder, in the natural order of their names (2 before 10), or those that `files` names.

    Images that the sidecar names for something else, such as flat or background, are no frames; hidden files neither.

    Parameters
    ----------
    folder : that holds them.
    given : what the sidecar holds.
    where : the sidecar, None without one.

    Raises
    ------
    InputError : where there are none, or one is named twice.
    """
    files = given.get("files")
    if isinstance(files, list):
        double = next((name for name in files if files.count(name) > 1), None)
        if double is not None:
            raise InputError(f"{where}: files names {double} twice; each image is one frame, so name it once")
        paths = [links.named(str(name), folder / (where.name if where else "files")) for name in files]
    elif files is None or isinstance(files, str):
        if files and (Path(files).is_absolute() or ".." in Path(files).parts):
            raise InputError(f"{where}: files is {files!r}; it must be a pattern of names in the folder, as led_*.tif")
        found = {path.relative_to(folder).as_posix(): path for path in folder.glob(files or "*")}
        paths = [found[name] for name in in_natural_order(found) if _is_image(found[name])]
        used = {(where.parent / v).resolve() for v in given.values() if isinstance(v, str) and v} if where else set()
        paths = [path for path in paths if path.resolve() not in used]
        _check_doubles(folder, paths)
    else:
        raise InputError(f"{where}: files is {files!r}; it must be a pattern such as led_*.tif or a list of names")
    if not paths:
        below = [inner.name for inner in _folders_with_images(folder)]
        remedy = f"; they lie in its folders {listed(below)}, so name one of those" if below else ""
        chosen = f" that {where} calls {files!r}" if files else ""
        raise InputError(
            f"{folder}: no images{chosen} are found; the folder must hold {', '.join(SUFFIXES)} files, but it "
            f"{_held(folder)}{remedy}"
        )
    return paths


def remarks(folder: Path, images: Sequence[Path]) -> list[str]:
    """Notes on a folder from which these `images` are taken: two families of names, images in folders below."""
    notes = []
    several = {form: names for form, names in families([image.name for image in images]).items() if len(names) > 1}
    if len(several) > 1:
        said = listed([f"{form} ({len(names)})" for form, names in several.items()])
        form = next(iter(several)).replace("#", "*")
        notes.append(
            f"the {len(images)} images have names of {len(several)} families, {said}; where they are not one "
            f"recording, choose one in the sidecar, such as files: {form}"
        )
    below = [inner.name for inner in _folders_with_images(folder)]
    if below:
        notes.append(f"images in the folders {listed(below)} inside are not read")
    return notes


def _held(folder: Path) -> str:
    """What a folder holds instead of images."""
    there = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if not there:
        return "is empty"
    kinds = Counter("folders" if path.is_dir() else f"{path.suffix.lower() or 'other'} files" for path in there)
    many = ", ".join(f"{n} {kind if n > 1 else kind.removesuffix('s')}" for kind, n in kinds.most_common(4))
    return f"holds {many}, such as {there[0].name}"


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _check_doubles(folder: Path, images: Sequence[Path]) -> None:
    """One name with two endings would be one frame twice."""
    stems: dict[str, Path] = {}
    for image in images:
        stem = str(image.relative_to(folder).with_suffix("")).lower()
        if stem in stems:
            raise InputError(
                f"{folder}: {stems[stem].name} and {image.name} have one name and would be the same frame twice; "
                f"choose in the sidecar, such as files: '*{image.suffix}'"
            )
        stems[stem] = image


def _folders_with_images(folder: Path) -> Iterator[Path]:
    """Folders inside that hold an image; the first few are looked at."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    for path in inside[:20]:
        if any(_is_image(image) for _, image in zip(range(50), path.iterdir(), strict=False)):
            yield path
