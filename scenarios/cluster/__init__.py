"""A sandbox Kubernetes cluster in one process: an API server over HTTPS, controllers, scheduler, scripted kubelets.

`Sandbox` (in `sandbox`) puts one up and prints its kubeconfig. The core is plain Python over JSON objects: `store`
keeps them, `kinds` and `schema` say what there is (data files), `requests` and the modules it names answer one request,
`controllers/` and `kubelet/` make the world move, all on one clock that can be stepped. Only `server` knows HTTP.
What is unlike a real control plane is listed in docs/sandbox.md.
"""
