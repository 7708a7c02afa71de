"""A tour in one script: a table of documents, columns computed by your functions, search by meaning, and versions.

    python examples/quickstart.py            the Python language reference, which comes with every Python
    python examples/quickstart.py FOLDER     the .txt and .md files in a folder of yours

Everything it makes is in the directory `quickstart` of your catalog, which is replaced at every start.
"""

import io
import re
import sys
import time
from pathlib import Path
from pydoc_data.topics import topics

import pixeltable as pxt
from pixeltable.functions import wordllama

QUESTIONS = (
    "how do I catch an error raised in my code?",
    "how do I import a module from a package?",
    "how do I format numbers in a string?",
    "how do I stop a loop early?",
    "what makes an object usable as a key of a dictionary?",
)
NEW_TEXT = "How to catch an error\n\nTo catch an error that your code raised, put the code between try and except.\n"


@pxt.udf
def word_count(text: str) -> int:
    """How many words a text has."""
    return len(text.split())


@pxt.udf
def first_heading(text: str) -> str | None:
    """The first line with a word in it, without the marks that make it a heading in Markdown."""
    lines = (line.strip("#*=- \t") for line in text.splitlines())
    return next((line[:60] for line in lines if re.search(r"\w", line)), None)


def read_documents(arguments: list[str]) -> list[dict[str, str]]:
    """The rows to insert: a name and a text each. Ends the program if there are none."""
    if not arguments:
        return [{"name": name, "text": text} for name, text in topics.items()]
    folder = Path(arguments[0]).expanduser()
    if len(arguments) > 1 or not folder.is_dir():
        refuse(f"not a folder: {' '.join(arguments)}")
    try:
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".txt", ".md") and path.is_file())
        texts = {path.relative_to(folder).as_posix(): path.read_text("utf-8", errors="replace") for path in files}
    except OSError as error:
        refuse(str(error))
    # A text column holds everything but the character NUL.
    rows = [{"name": name, "text": text.replace("\0", "")} for name, text in texts.items() if text.strip()]
    if not rows:
        refuse(f"no .txt or .md file with text in it: {folder}")
    return rows


def refuse(reason: str) -> None:
    """End the program with one line that says why."""
    print(f"quickstart: {reason}", file=sys.stderr)
    sys.exit(2)


def say(heading: str, text: str) -> None:
    """Begin a step."""
    print(f"\n── {heading} {'─' * (84 - len(heading))}\n{text}\n")


def create(rows: list[dict[str, str]]) -> pxt.Table:
    """A table with the documents in it."""
    say("1. A directory, a table, and rows", "create_dir(), create_table() and insert(). What it inserted is durable.")
    pxt.create_dir("quickstart", if_exists="replace_force")
    docs = pxt.create_table("quickstart/docs", {"name": pxt.String, "text": pxt.String}, primary_key="name")
    docs.insert(rows)
    print(f"{docs.count()} documents, {sum(len(row['text']) for row in rows):,} characters, in {pxt.home()}")
    return docs


def compute(docs: pxt.Table) -> None:
    """Computed columns: tried on a few rows first, then added for all."""
    say(
        "2. Your functions, as computed columns",
        "Two functions of this script are declared with @pxt.udf. First they are tried on three\n"
        "rows, and nothing is stored; then add_computed_column() fills all rows, and every row\n"
        "that comes later.",
    )
    print(f"{docs.select(docs.name, words=word_count(docs.text), heading=first_heading(docs.text)).head(3)}\n")
    docs.add_computed_column(words=word_count(docs.text))
    docs.add_computed_column(heading=first_heading(docs.text))
    print("\nThe longest documents:\n")
    print(docs.order_by(docs.words, asc=False).limit(3).select(docs.name, docs.words, docs.heading).collect())


def search(docs: pxt.Table) -> None:
    """An index, and what it finds."""
    say(
        "3. Search by meaning",
        "add_embedding_index() with a small model that runs on this machine; the index follows\n"
        "every change of a row. Each question is a query: order_by(similarity).limit(3).",
    )
    docs.add_embedding_index("text", embedding=wordllama.embed)
    for question in QUESTIONS:
        closeness = docs.text.similarity(string=question)
        hits = docs.order_by(closeness, asc=False).limit(3).select(docs.name, docs.heading, score=closeness).collect()
        print(f"\n{question}")
        for hit in hits:
            print(f"   {hit['score']:6.3f}  {hit['name']:<24}  {hit['heading']}")


def change(docs: pxt.Table) -> None:
    """An update and its way back."""
    say(
        "4. Update, and take it back",
        f"The document furthest from the question {QUESTIONS[0]!r}\n"
        "gets a new text. Its computed cells and its vector change in the same commit, and\n"
        "revert() brings all of it back.",
    )
    name = ranking(docs)[-1]
    show(docs, name, "before")
    docs.update({"text": NEW_TEXT}, where=docs.name == name)
    show(docs, name, "updated")
    docs.revert()
    show(docs, name, "reverted")


def ranking(docs: pxt.Table) -> list[str]:
    """The names of all documents, those closest to the first question first."""
    closeness = docs.text.similarity(string=QUESTIONS[0])
    return list(docs.order_by(closeness, asc=False).select(docs.name).collect()["name"])


def show(docs: pxt.Table, name: str, when: str) -> None:
    """One line about one document."""
    (row,) = docs.where(docs.name == name).select(docs.words, docs.heading).collect()
    place = ranking(docs).index(name) + 1
    print(f"{when:>8}: {name}, {row['words']} words, heading {row['heading']!r}, place {place} of {docs.count()}")


def versions(docs: pxt.Table) -> None:
    """What happened to the table."""
    say("5. History", "history() has a version for every change that stands; the reverted one is gone.")
    shown = ["version", "change_type", "inserts", "updates", "errors", "schema_change"]
    print(docs.history()[shown].fillna({"schema_change": ""}).to_string(index=False))


def main() -> None:
    """Run all steps."""
    start = time.perf_counter()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # for terminals that cannot show every character
    rows = read_documents(sys.argv[1:])
    try:
        pxt.init({"progress": "on"})  # every operation prints its receipt, also where the output is no terminal
        docs = create(rows)
        compute(docs)
        search(docs)
        change(docs)
        versions(docs)
    except pxt.Error as error:
        print(f"quickstart: {error}", file=sys.stderr)
        sys.exit(1)
    print(f"\nDone in {time.perf_counter() - start:.1f} s. The table stays: pxt.get_table('quickstart/docs')")


if __name__ == "__main__":
    main()
