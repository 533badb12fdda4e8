"""For programs: the named endpoint ``/ask`` of ``gradio_client``, served as an MCP tool too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gradio as gr

from embeddings.errors import PinciteError
from ui.work import error_sentence

if TYPE_CHECKING:
    from qa.assistant import Assistant


def speak_json(page: gr.Blocks) -> None:
    """Make the MCP server of a launched page answer in JSON; Gradio's own text for an object is Python's."""
    from mcp.types import TextContent

    def as_json(data: list[Any], root_url: str) -> list[TextContent]:
        return [TextContent(type="text", text=json.dumps(item, ensure_ascii=False)) for item in data]

    page.mcp_server_obj.postprocess_output_data = as_json


def add_ask(assistant: Assistant, *, queue: bool, concurrency_id: str) -> None:
    """Add the endpoint ``/ask`` to the Blocks being built.

    ``queue`` puts it in the same line as the page's questions. Without it the call runs at once, which is what
    an MCP server needs: through the queue it would call itself again, without the caller's login.
    """

    def ask(
        question: str,
        history: list[dict[str, Any]] | None = None,
        documents: list[str] | None = None,
        top_k: int | None = None,
        retrieval: str | None = None,
        threshold: float | None = None,
        rewrite: bool | None = None,
    ) -> dict[str, Any]:
        """Answer a question with exact quotations from the indexed documents, or say that they do not hold the answer.

        Nothing in the answer is made up: "text" is copied from a document, and "citations" give the document, the
        character range (start, end) and the sentence around it. When "answered" is false the documents do not answer
        the question: say so, and do not answer from elsewhere; "alternatives" hold the nearest passages. "confidence"
        is the probability that the answer is right. When "sources_differ" is true the documents contradict each other:
        report the answer and the alternatives with their sources.

        Args:
            question: The question, in plain words.
            history: Earlier turns as [{"question": "...", "answer": "..."}], so that "And when was that?" is understood; an answer of null means that none was found.
            documents: Names of the documents to search; leave out to search all of them.
            top_k: How many passages to read, 1 to 100; leave out for the default.
            retrieval: How passages are found: "hybrid", "lexical" or "dense"; leave out for the default.
            threshold: Answer only when the confidence reaches this, 0 to 1; leave out for the fitted one.
            rewrite: False takes the question as typed, without completing it from the history.

        Returns:
            The answer: question, standalone_question, answered, text, confidence, citations, alternatives, sources_differ, timings_ms.
        """  # noqa: E501  (one line an argument: the text is parsed into the endpoint's documentation)
        try:
            answer = assistant.ask(
                question,
                history=history,
                documents=documents or None,
                top_k=top_k,
                retrieval=retrieval or None,
                threshold=threshold,
                rewrite=rewrite,
            )
        except PinciteError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except Exception as error:
            raise gr.Error(error_sentence(error), print_exception=False) from error
        return answer.to_json()

    gr.api(ask, api_name="ask", queue=queue, concurrency_id=concurrency_id if queue else None, concurrency_limit=1)
