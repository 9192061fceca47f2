"""Networks that other people wrote: ONNX files and PyTorch modules in, ONNX files out, and what two of them differ in.

Begin with `network.py` (what a network is here) and `operator_table.py` (one row for each operator of ONNX: what it means
in operations of symgrad). `reading.py` walks a file and asks the table; the rules stand in `entrywise.py`, `shaping.py`,
`picking.py`, `reducing.py`, `layering.py`, `recurring.py`, `learning.py` and a few more. PyTorch's modules:
`torch_reading.py` with `torch_table.py`, and `torch_composites.py` for operators that PyTorch defines by others. Out:
`writing.py`, with a rule for each primitive of a graph in `graph_writing.py`. Two networks side by side: `auditing.py`.
What is not here: operations themselves (`language/`, `nn/`), and NumPy's arithmetic of what is known already, which
`onnx` brings along.
"""
