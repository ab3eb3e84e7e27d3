PYTHON ?= python3.11
VENV ?= .venv
# Compilers that run at once while mmcv's operators are built, and processes that share the tests.
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)

PY := $(VENV)/bin/python
PIP_INSTALL := $(PY) -m pip install -qq --disable-pip-version-check -c requirements/constraints.txt

# A stamp in the environment says what was installed: its name holds a checksum of the lists and of this place.
KEY := $(shell (echo '$(CURDIR)'; cat setup.py requirements/*) | cksum | cut -d ' ' -f 1)
TRAIN_STAMP := $(VENV)/.train-$(KEY)
FULL_STAMP := $(VENV)/.full-$(KEY)

RUFF := $(firstword $(wildcard $(VENV)/bin/ruff) $(shell command -v ruff) $(VENV)/bin/ruff)

.DELETE_ON_ERROR:
.PHONY: help train test test-all test-faults test-onedl test-py312 test-newest-torch lint bench verify detect figures \
    demo docs litert-env executorch-env

help:
	@echo 'make train        build $(VENV) for PyTorch classification and train configs/shufflenet_v1_g3.py'
	@echo 'make test         complete $(VENV) and run every test but the slow ones'
	@echo 'make test-all     the same with the slow ones'
	@echo 'make test-faults  kill processes, fill disks and break data, and see that training says so and goes on'
	@echo 'make test-onedl, make test-py312, make test-newest-torch'
	@echo "                  run the tests of classification on OneDL's packages, newer PyTorch and NumPy 2; on Python 3.12;"
	@echo '                  on the newest PyTorch'
	@echo 'make lint         check the style of the code'
	@echo 'make bench        measure the speed of every engine'
	@echo 'make verify       prove that both frameworks compute the same, for every variant'
	@echo 'make detect       train a detector of handwritten digits'
	@echo 'make figures      draw curves, errors, augmented images, heat maps and features of the digits classifier'
	@echo 'make demo         serve a web page that shows what the frameworks make of a picture'
	@echo 'make docs         build the pages of the documentation into build/site'
	@echo 'make litert-env, make executorch-env'
	@echo '                  build what tools/export.py --format litert or executorch needs beside $(VENV)'

train: $(TRAIN_STAMP)
	$(PY) tools/train.py configs/shufflenet_v1_g3.py

test: $(FULL_STAMP)
	$(PY) -m pytest -n $(JOBS) --dist worksteal -m 'not slow and not faults'

test-all: $(FULL_STAMP)
	$(PY) -m pytest -n $(JOBS) --dist worksteal -m 'not faults'

# One at a time: they wait for moments in a run, and fill disks.
test-faults: $(FULL_STAMP)
	$(PY) -m pytest tests/faults

# What runs without MindSpore, mmdet and mmcv's operators.
CLASSIFICATION := $(addprefix tests/,arch configs data deployed fuzz jobs openmmlab weights \
    backbones/test_deploy.py backbones/test_dilation.py backbones/test_every_network.py backbones/test_factory.py \
    backbones/test_loading.py backbones/test_peers.py tools/test_predict.py tools/test_test.py tools/test_train.py)

test-onedl test-py312 test-newest-torch: test-%: $(VENV)-%/.installed
	$(VENV)-$*/bin/python -m pytest -n $(JOBS) --dist worksteal -m 'not slow and not faults' \
	    -k 'not mindspore and not mindcv and not detection and not mmdet' $(CLASSIFICATION)

lint: | $(RUFF)
	$(RUFF) check .
	$(RUFF) format --check .

bench: $(FULL_STAMP)
	$(PY) tools/benchmark.py

verify: $(FULL_STAMP)
	$(PY) tools/verify_equivalence.py --variants all

# The detector starts from the backbone of the digits classifier.
DIGITS_CLASSIFIER := work_dirs/shufflenet_v2/epoch_15.pth

$(DIGITS_CLASSIFIER): | $(FULL_STAMP)
	$(PY) tools/train.py configs/shufflenet_v2.py

detect: $(FULL_STAMP) $(DIGITS_CLASSIFIER)
	$(PY) tools/train.py configs/detection/retinanet_shufflenet-v2-1x_digits.py

FIGURES := figures

figures: $(FULL_STAMP) $(DIGITS_CLASSIFIER)
	@[ -d $(FIGURES)/digits ] || $(PY) tools/digits.py $(FIGURES)/digits
	$(PY) tools/curves.py $(dir $(DIGITS_CLASSIFIER)) --out $(FIGURES)/curves.png
	$(PY) tools/confusion.py shufflenet_v2 $(DIGITS_CLASSIFIER) --out $(FIGURES)/confusion.png
	$(PY) tools/tsne.py shufflenet_v2 $(DIGITS_CLASSIFIER) --out $(FIGURES)/tsne.png
	$(PY) tools/augmented.py shufflenet_v2 --out $(FIGURES)/augmented.png
	$(PY) tools/cam.py shufflenet_v2 $(DIGITS_CLASSIFIER) '$(FIGURES)/digits/test/*/00[01]*.png' --stage 0 \
	    --out $(FIGURES)/cam.png

demo: $(FULL_STAMP)
	$(PY) tools/demo.py

docs: $(FULL_STAMP)
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

$(PY):
	@command -v $(PYTHON) >/dev/null || \
	    { echo 'error: $(PYTHON) is not installed; name another Python 3.11 with make PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/bin/ruff: | $(PY)
	@echo 'Installing ruff into $(VENV): about 25 MB.'
	@$(PIP_INSTALL) -r requirements/lint.txt

$(TRAIN_STAMP): | $(PY)
	@echo 'Installing into $(VENV) what classification in PyTorch needs:'
	@echo '  torch, torchvision, mmengine, mmpretrain, mmcv-lite and what they need.'
	@echo '  About 7 GB of disk and 3 minutes, without further messages.'
	@rm -f $(VENV)/.train-* $(VENV)/.full-*
	@$(PIP_INSTALL) --upgrade pip setuptools wheel
	@# mmcv-lite would overwrite a compiled mmcv that is already there.
	@if $(PY) -m pip show -qq mmcv; then mmcv=; else mmcv='-r requirements/mmcv-lite.txt'; fi; \
	    $(PIP_INSTALL) -e '.[openmmlab]' $$mmcv
	@touch $@

$(FULL_STAMP): $(TRAIN_STAMP)
	@echo 'Installing into $(VENV) what the tests need besides:'
	@echo '  mindspore, mmdet, onnx, onnxruntime, openvino, nncf, ncnn, MNN, LiteRT, coremltools, gradio, mindcv,'
	@echo '  pytorchcv, timm, mkdocs, pytest, ruff and what they need.'
	@echo '  About 4 GB of disk (11 GB in all) and 3 minutes, without further messages.'
	@$(PIP_INSTALL) ninja -e '.[detection,mindspore,export,ncnn,mnn,litert,coreml,demo,docs,test,lint]'
	@echo "Installing mmcv with its compiled operators: 8 to 25 minutes, or seconds where pip's cache has them."
	@JOBS=$(JOBS) sh requirements/install_mmcv.sh $(PY)
	@touch $@

# Environments of other versions, of their own.
$(VENV)-onedl/.installed: requirements/onedl.txt
	@echo "Installing into $(VENV)-onedl OneDL's packages with newer PyTorch: 8 GB and 5 minutes."
	@$(PYTHON) -m venv $(VENV)-onedl
	@$(VENV)-onedl/bin/python -m pip install -qq --disable-pip-version-check -r $<
	@# Without its requirements, which are OpenMMLab's packages by their own names.
	@$(VENV)-onedl/bin/python -m pip install -qq --disable-pip-version-check --no-deps -e .
	@touch $@

PYTHON312 ?= python3.12

$(VENV)-py312/.installed: requirements/constraints.txt
	@$(PYTHON312) -c '' || \
	    { echo 'error: $(PYTHON312) does not run; name a Python 3.12 with make PYTHON312=...' >&2; exit 1; }
	@echo 'Installing into $(VENV)-py312 what classification in PyTorch needs, and its tests: 8 GB and 5 minutes.'
	@$(PYTHON312) -m venv $(VENV)-py312
	@$(VENV)-py312/bin/python -m pip install -qq --disable-pip-version-check -c $< \
	    -e '.[openmmlab,mmcv-lite,export,bench]' hypothesis pytest pytest-xdist
	@touch $@

$(VENV)-newest-torch/.installed: requirements/newest-torch.txt requirements/constraints.txt
	@echo 'Installing into $(VENV)-newest-torch classification with the newest PyTorch, and its tests: 8 GB and 5 minutes.'
	@$(PYTHON) -m venv $(VENV)-newest-torch
	@# What PyTorch brings along has other versions, too.
	@grep -vE '^(torch|torchvision|triton|nvidia-[a-z0-9-]+)==' requirements/constraints.txt \
	    > $(VENV)-newest-torch/constraints.txt
	@$(VENV)-newest-torch/bin/python -m pip install -qq --disable-pip-version-check \
	    -c $(VENV)-newest-torch/constraints.txt -r $< -e '.[openmmlab,mmcv-lite,export,bench]' hypothesis pytest pytest-xdist
	@touch $@

# Environments of engines whose packages do not go with those of $(VENV): layers over it, whose packages come first.
litert-env executorch-env: %-env: $(VENV)-%/.installed

$(VENV)-%/.installed: requirements/%.txt | $(TRAIN_STAMP)
	@echo "Installing into $(VENV)-$* what --format $* needs beside $(VENV): at most 1 GB and 2 minutes."
	@$(PYTHON) -m venv $(VENV)-$*
	@PURELIB='import sysconfig; print(sysconfig.get_path("purelib"))'; \
	    echo "import site; site.addsitedir('$$($(PY) -c "$$PURELIB")')" \
	    > "$$($(VENV)-$*/bin/python -c "$$PURELIB")/below.pth"
	@$(VENV)-$*/bin/python -m pip install -qq --disable-pip-version-check --no-deps -r $<
	@touch $@
