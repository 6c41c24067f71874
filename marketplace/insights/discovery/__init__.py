"""What programs and coding agents read to find models: the API catalog, llms.txt, model pages as Markdown (docs/discovery.md).

All of it is what the reader may see, and says no more than the pages do.
"""
