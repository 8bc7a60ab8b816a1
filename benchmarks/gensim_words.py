"""One training in gensim, run by words.py in an environment of its own: prints its figures as JSON."""

from __future__ import annotations

import json
import sys
import time

from gensim.models import Word2Vec
from gensim.models.word2vec import LineSentence


def main() -> None:
    """Train with the settings that Seodang has by default, and write the vectors."""
    job = json.loads(sys.argv[1])
    model = Word2Vec(
        vector_size=100,
        window=5,
        negative=5,
        min_count=5,
        sample=1e-3,
        sg=int(job["method"] == "skip-gram"),
        workers=job["threads"],
        seed=job["seed"],
    )
    sentences = list(LineSentence(job["corpus"]))
    model.build_vocab(sentences)
    started = time.perf_counter()
    model.train(sentences, total_examples=model.corpus_count, epochs=job["epochs"])
    seconds = time.perf_counter() - started
    model.wv.save_word2vec_format(job["out"], binary=True)
    words = model.corpus_total_words * job["epochs"]
    print(json.dumps({"seconds": seconds, "words": words, "words_per_second": words / seconds}))


if __name__ == "__main__":
    main()
