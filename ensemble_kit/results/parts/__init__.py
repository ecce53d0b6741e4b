"""The parts of which the report of a blend is made, and the names by which JSON and files know them.

`ensemble_kit.results` shows their classes. Read first: `figures`. To add a figure to the full report: a field of
`full_report.FullReport`, its value in `pipeline.blends.full_report`, its words in `reporting.blend`; JSON follows. To
add any other figure of a blend: a field, and its line in `blend_keys.KEYS`, which a test asks for.
"""
