"""Where things are in a CXI entry."""

DETECTOR = "instrument_1/detector_1"
SOURCE = "instrument_1/source_1"
TRANSLATION = "sample_1/geometry_1/translation"
TRANSLATIONS = (TRANSLATION, "sample_1/geometry/translation", f"{DETECTOR}/translation", "data_1/translation")
BACKGROUND = f"{DETECTOR}/data_dark"
TITLE = "title"
RESULTS = ("image_1", "image_2")
OBJECT, PROBE = "object", "probe"  # titles of the images
OWN = "neuralfield"  # a group of our own: attributes geometry and object_pixel_um, dataset exposure
