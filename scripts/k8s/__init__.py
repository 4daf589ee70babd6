"""Makes the manifests that users apply from deploy/base."""
