"""From the models to CustomResourceDefinitions and reference pages: `python -m mlwright.api.crds CRDS DOCS`.

The generator is closed: what it does not understand, it refuses. A type, a constraint or a mark is either translated
into what the API server checks or it is an error here, so no rule of a model is lost silently on its way to admission.
"""
