"""A small web application in the documented FastAPI pattern: synchronous handlers, one worker."""

from fastapi import FastAPI
from pydantic import BaseModel

import pixeltable as pxt

app = FastAPI()


class SearchResult(BaseModel):
    """One hit."""

    text: str
    score: float


@app.post("/ingest")
def ingest(text: str) -> dict[str, int]:
    t = pxt.get_table("app_docs")
    return {"inserted": t.insert([{"text": text}]).num_rows}


@app.get("/search")
def search(query: str, limit: int = 10) -> list[SearchResult]:
    t = pxt.get_table("app_docs")
    similarity = t.text.similarity(string=query)
    found = t.order_by(similarity, asc=False).limit(limit).select(t.text, score=similarity).collect()
    return list(found.to_pydantic(SearchResult))


@app.get("/ping")
def ping() -> dict[str, bool]:
    return {"ok": True}
