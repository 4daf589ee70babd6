"""The container's contract, tried with podman: run by ``.ci/container``, with the image's name in
IMAGE."""
