"""The CPU seconds of converting and cutting the pages of a generated site, with nothing else; one
line of JSON."""

from __future__ import annotations

import json
import sys
import time

from confluence_mirror.chunking import ChunkSettings, chunk_page, load_tokenizer
from confluence_mirror.markdown import convert
from confluence_sandbox.generated import generated_site


def main() -> None:
    site = generated_site(int(sys.argv[1]))
    counter, settings = load_tokenizer("cl100k_base"), ChunkSettings(1000, 180)
    pages = [(page.id, page.title, page.body) for page in site.current()]
    convert("<p>What converts is imported with the first body.</p>")
    counter.count_tokens("")
    best = float("inf")
    for _ in range(int(sys.argv[2])):
        began = time.process_time()
        for page_id, title, body in pages:
            text = convert(body).markdown
            chunk_page(
                text,
                title=title,
                site_id="site",
                page_id=page_id,
                settings=settings,
                tokenizer=counter,
            )
        best = min(best, time.process_time() - began)
    print(json.dumps({"cpu_s": best, "characters": sum(len(body) for _, _, body in pages)}))


if __name__ == "__main__":
    main()
