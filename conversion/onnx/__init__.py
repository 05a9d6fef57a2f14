"""ONNX graphs of the models, for ONNX Runtime."""
