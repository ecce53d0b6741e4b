from .forward import choose_device as choose_device, compute_logits as compute_logits
from .memory import THREADLESS as THREADLESS, is_out_of_memory as is_out_of_memory
from .onnx_export import OPSET as OPSET, graph_bytes as graph_bytes
from .onnx_session import open_onnx as open_onnx, open_session as open_session, require as require, side_px as side_px
from .order_check import check_order as check_order
from .start import start as start
from .table import ENGINES as ENGINES, PRECISIONS as PRECISIONS
