# Each target builds the environment it needs, so that a fresh clone has only Python 3.11 or newer to bring.
PYTHON ?= python3
FAMILY ?= text
KERNELS = $(wildcard src/seodang/families/*/kernels/*.[ch] src/seodang/nn/kernels/*.h)
PIP_FLAGS = --quiet --constraint constraints.txt

.PHONY: demo test test-all check clean
.PHONY: benchmark-text benchmark-language benchmark-words benchmark-segmentation benchmark-gan benchmark-translation benchmark-faces benchmark-agents

demo: .venv/installed  ## train, measure and explain on real data: FAMILY=text, or another
	$(if $(filter faces,$(FAMILY)),.venv/bin/python -m pip install $(PIP_FLAGS) --editable '.[faces]')
	$(if $(filter agents,$(FAMILY)),.venv/bin/python -m pip install $(PIP_FLAGS) --editable '.[video]')
	.venv/bin/python examples/demo.py $(FAMILY)

test:  ## lint, types and the whole test suite, in an environment made anew
	$(MAKE) .env-test/installed FRESH=1
	.env-test/bin/ruff check . && .env-test/bin/ruff format --check .
	.env-test/bin/mypy
	.env-test/bin/python -m pytest -m "not slow" $(PYTEST_FLAGS)

test-all: .env-test/installed  ## the long proofs too: real learning on real data, many kills
	.env-test/bin/python -m pytest $(PYTEST_FLAGS)

check: .env-test/installed  ## lint and types alone
	.env-test/bin/ruff check . && .env-test/bin/ruff format --check .
	.env-test/bin/mypy

# torch first and alone: a bare dependency on torch may be resolved to another, larger build.
.venv/installed: pyproject.toml setup.py constraints.txt $(KERNELS)
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install $(PIP_FLAGS) torch
	.venv/bin/python -m pip install $(PIP_FLAGS) --editable '.[onnx]'
	touch $@

.env-test/installed: pyproject.toml setup.py constraints.txt $(KERNELS) $(if $(FRESH),always)
	$(PYTHON) -m venv --clear .env-test
	.env-test/bin/python -m pip install $(PIP_FLAGS) torch
	.env-test/bin/python -m pip install $(PIP_FLAGS) '.[dev]'
	touch $@

.PHONY: always
always:

clean:  ## environments and caches, never runs
	rm -rf .venv .env-test build dist .mypy_cache .pytest_cache .ruff_cache

benchmarks/.env-keras/installed: benchmarks/requirements.txt
	$(PYTHON) -m venv --clear benchmarks/.env-keras
	benchmarks/.env-keras/bin/python -m pip install --quiet --requirement benchmarks/requirements.txt
	touch $@

benchmark-text: .venv/installed benchmarks/.env-keras/installed  ## hours; run it alone on the machine
	.venv/bin/python benchmarks/text.py all

benchmark-language: .venv/installed benchmarks/.env-keras/installed  ## an hour and more; run it alone on the machine
	.venv/bin/python benchmarks/language.py all

benchmark-words: .venv/installed benchmarks/.env-keras/installed  ## beside gensim; run it alone on the machine
	.venv/bin/python benchmarks/words.py

benchmark-segmentation: .venv/installed  ## an hour; run it alone on the machine
	.venv/bin/python -m pip install $(PIP_FLAGS) '.[openvino]' $(shell grep kornia benchmarks/requirements.txt)
	.venv/bin/python benchmarks/segmentation.py all

benchmark-gan: .venv/installed  ## two hours; run it alone on the machine
	.venv/bin/python benchmarks/gan.py all

benchmark-faces: .venv/installed  ## half an hour, beside face_recognition; run it alone on the machine
	.venv/bin/python -m pip install $(PIP_FLAGS) '.[faces,dlib]'
	.venv/bin/python -m pip install --quiet --no-deps --requirement benchmarks/requirements-faces.txt
	.venv/bin/python benchmarks/faces.py all

benchmark-agents: .venv/installed  ## an hour and a half, beside stable-baselines3; run it alone on the machine
	.venv/bin/python -m pip install $(PIP_FLAGS) '.[box2d,mujoco,atari]' $(shell grep stable-baselines3 benchmarks/requirements.txt)
	.venv/bin/python benchmarks/agents.py all

benchmark-translation: .venv/installed  ## half an hour; run it alone on the machine
	.venv/bin/python benchmarks/translation.py all
