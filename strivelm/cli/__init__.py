"""The commands: `strivelm train`, `generate`, `push`, `deploy`, `import`; the scripts of a clone call the same."""
