"""Tools for the manifests: generate them, process the template, check them, run their pods with
podman."""
