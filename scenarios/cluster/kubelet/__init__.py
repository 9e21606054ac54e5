"""The scripted kubelets: what a container does follows from its image, command, probes, limits and the scenario."""
