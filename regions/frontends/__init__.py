"""Ways into the package: torch modules and files, read as exact networks."""
