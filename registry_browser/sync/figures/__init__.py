"""What follows from the rows: which manifests a tag reaches (`liveness`), what repositories, places
and registries hold and share (`counts`, `places`), remembered over time (`trends`), which images
others stand on (`bases`), and what changes with an admin's locks (`locks`).
"""
