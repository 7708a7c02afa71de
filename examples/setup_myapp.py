"""Makes the table that `fastapi_app.py` serves, with its index; run again, it keeps what is there.

First this program, then: uvicorn --app-dir examples fastapi_app:app
"""

import pixeltable as pxt
from pixeltable.functions import wordllama

pxt.create_dir("myapp", if_exists="ignore")
documents = pxt.create_table("myapp/documents", {"text": pxt.String}, if_exists="ignore")
documents.add_embedding_index("text", idx_name="meaning", embedding=wordllama.embed, if_exists="ignore")
print(f"myapp/documents has {documents.count()} documents")
