"""Phase of cells from defocused bright field: one frame and a network, three and none, each against the truth.

Run `python examples/defocused.py`; it writes defocused.nfield and defocused.png (15 s).
"""

import napari_neuralfield as nf
from napari_neuralfield.io import save_planes
from napari_neuralfield.simulate.through_focus import through_focus

# Frames at -4, 0 and +4 um, of pixels four times coarser than what the objective resolves; truth on fine pixels.
acquisition, truth = through_focus(seed=5)
print(f"{acquisition.frame_count} frames of {acquisition.frame_shape} pixels of {acquisition.pixel_um} um")


def reconstructed(method, **options):
    for event in nf.reconstruct(acquisition, nf.build_recipe(method, options)):
        if isinstance(event, nf.Note):
            print(f"{method}: {event.text}")
        elif isinstance(event, nf.Done):
            return event.result


def plane(result):
    """The phase on the truth's pixels, rad, with its mean: the constant of a phase is not measured."""
    found = result.field.render(0.0, *result.field.extent.axes())[0].numpy()
    return found - found.mean() + truth["phase_rad"].mean()


results = {
    "three frames, transport of intensity": reconstructed("tie-tv"),
    "one frame, network and physics": reconstructed("srqpi", polish=True),
}
planes = [plane(result) for result in results.values()]
for name, found in zip(results, planes, strict=True):
    print(f"{name}: off by {(found - truth['phase_rad']).std():.3f} rad")

nf.save_result("defocused.nfield", results["one frame, network and physics"])
save_planes("defocused.png", [*planes, truth["phase_rad"]], [0.0, 1.0, 2.0], truth["pixel_um"], 3)
