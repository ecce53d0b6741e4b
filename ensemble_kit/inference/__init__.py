"""Forward passes of a finished module over views and batches.

    views        test-time views and their names
    engines      what computes: eager, fused, compiled, ONNX Runtime
    blend_graph  a whole blend as one module, for export

Comes in: a torch module and uint8 images. Goes out: logits (views, images, classes). Knows nothing of members or
labels. Read first: `views.views`, then `engines.forward`.
"""
