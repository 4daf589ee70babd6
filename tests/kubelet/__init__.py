"""What a cluster does with manifests and pods, without one: the template processed, objects checked,
and pods run with podman as the kubelet would."""
