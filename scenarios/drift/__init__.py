"""Scenarios of the drift evaluation: projects, drift kinds, and what is true after each (README.md beside this file).

`schema` loads what is stored and needs only pydantic; `live` puts up a scenario's cloud and needs moto.
"""
