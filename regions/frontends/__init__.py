"""Ways into the package: torch modules and files, read as exact networks.

They may import networks and domains and what stands below them, never the engine. Nothing below them reads a model;
torch and onnx are imported in their own folders.
"""
