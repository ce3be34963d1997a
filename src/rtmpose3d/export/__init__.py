"""ONNX files from the networks."""
