"""The extractive reader: which words of a passage answer a question, and how sure it is that none do."""

from qa.reader.reader import PassageReading, Reader, ReaderModel, Span, load_reader

__all__ = ["PassageReading", "Reader", "ReaderModel", "Span", "load_reader"]
