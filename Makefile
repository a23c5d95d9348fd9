# The two commands of the README, and what developers use every day.
PYTHON ?= python3
# Two cores: the tests of real processes wait more than they compute.
JOBS ?= 3
VENV := .venv
BIN := $(VENV)/bin
# compat: the default editable install would hide twisted/plugins from twistd.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt \
	--config-settings editable_mode=compat

# Whatever the shell says: without bytecode, each of some hundred servers compiles all of it anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test test-nodes test-ssh test-web test-clock torture torture-nodes check bench plot docs lock clean

run: $(VENV)/run.stamp
	$(BIN)/twistd --nodaemon pyconchat $(ARGS)

# Side by side, a file at a time, in the order of tests/conftest.py.
test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder \
		--ignore tests/ssh_e2e --ignore tests/web_e2e \
		--ignore tests/nodes --ignore tests/nodes_e2e $(ARGS)

# Several nodes in one process, and real ones on a real PostgreSQL.
test-nodes: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n 2 tests/nodes tests/nodes_e2e $(ARGS)

# The SSH door with the clients of others: OpenSSH, PuTTY and Dropbear.
test-ssh: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/ssh_e2e $(ARGS)

# The page of the web door in Chromium. axe-core, which only these tests use, comes from npm.
test-web: $(VENV)/test.stamp
	cd tests/web_e2e && npm ci --silent --no-audit --no-fund
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/web_e2e $(ARGS)

# The unit tests on another day, over the midnight in which summer time begins. Those that cut a
# connection at every await take too long to run twice; PostgreSQL's processes have the real time.
test-clock: $(VENV)/test.stamp
	TZ=EET-2EEST,M3.5.0/0,M10.5.0/0 PYCONCHAT_TEST_FACTOR=0.2 \
		faketime '2027-03-27 23:59:45' $(BIN)/python -m pytest -n $(JOBS) --dist loadfile \
		-k 'not postgresql' --ignore tests/scenarios --ignore tests/faults \
		--ignore tests/contracts/test_repeated_batches.py \
		--ignore tests/contracts/test_nodes_locks.py --ignore tests/nodes_e2e \
		--ignore tests/ssh_e2e --ignore tests/web_e2e --ignore tests/doors/test_cuts.py \
		--ignore tests/doors/test_cut_turns.py --ignore tests/doors/ssh/test_cut_turns.py \
		--ignore tests/doors/web/test_cut_turns.py $(ARGS)

# Tests that take minutes: fifty kills, a thousand clients through a restart, forty lost answers to COMMIT,
# cuts at every await, thirty times the examples.
torture: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m torture $(ARGS)
	$(BIN)/python -m pytest tests/doors/test_cuts.py tests/faults/test_one_server.py \
		tests/faults/test_lost_commits.py $(ARGS)
	PYCONCHAT_TEST_FACTOR=30 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile \
		tests/contracts tests/domain/test_group.py $(ARGS)

# Fifty kills of nodes, of the bus and of the database, over NOTIFY and over Redis; a rolling restart.
torture-nodes: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m torture tests/torture/test_node_kills.py \
		tests/torture/test_rolling_restart.py -s $(ARGS)
	PYCONCHAT_TEST_FACTOR=30 $(BIN)/python -m pytest -n $(JOBS) tests/nodes/test_faulty_bus.py

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/run.stamp
	$(BIN)/python -m benchmarks $(ARGS)

# A picture of what fanout measured: ARGS="bench-results/FILE.json docs/performance.svg".
plot: $(VENV)/plot.stamp
	$(BIN)/python -m benchmarks.plot $(ARGS)

docs: $(VENV)/run.stamp
	$(BIN)/python -m pyconchat.commands > docs/commands.rst

# A new lock from setup.cfg: whatever is newest and fits, with every extra.
lock:
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet --disable-pip-version-check '.[plot,postgres,redis,ssh,web,test]'
	$(VENV)-lock/bin/pip freeze --exclude pyconchat > constraints.txt
	rm -rf $(VENV)-lock build

clean:
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "PyconChat needs Python 3.11 or newer; say make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: setup.cfg constraints.txt | $(VENV)/bin/python
	@echo "Installing PyconChat and the packages that it needs into $(VENV): about a minute."
	@$(INSTALL) -e '.[ssh,web]'
	touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(INSTALL) -e '.[ssh,web,test]'
	touch $@

$(VENV)/plot.stamp: $(VENV)/run.stamp
	$(INSTALL) -e '.[plot]'
	touch $@
