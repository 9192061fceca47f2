"""The loop of a program, what it keeps in files, and its command line, as text: templates of `module.py`."""

LOOP = '''\
            total, seen, start = 0.0, 0, time.perf_counter()
            for count, batch in batches(data, batch_size, rng, ranks):
                loss = float(step(state, batch, lr))
                if not math.isfinite(loss):
                    raise FloatingPointError(f"the loss is {loss} in epoch {epoch}; lower lr={lr}")
                total, seen = total + count * loss, seen + count
            log(f"epoch {epoch:3d}   loss {total / seen:.6g}   {time.perf_counter() - start:.2f} s")
'''

DEVICE_LOOP = '''\
            total, seen, start = cp.zeros(()), 0, time.perf_counter()
            for count, batch in batches(data, batch_size, rng, ranks):
                total, seen = total + count * step(state, batch, lr), seen + count
            if ranks is not None:
                ranks.look(state.found)
            loss = total.item() / seen  # all that is read from the device in an epoch
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} in epoch {epoch}; lower lr={lr}")
            log(f"epoch {epoch:3d}   loss {loss:.6g}   {time.perf_counter() - start:.2f} s")
'''

DEVICE_RANKS = '''\
class RanksOnDevices(Ranks):
    """The same with a GPU each: the message goes by NCCL, and is looked at once an epoch."""

    def __init__(self, comm):
        super().__init__(comm)
        from cupyx.distributed import init_process_group

        self.nccl = init_process_group(self.size, self.rank, use_mpi=True)

    def exchange(self, sent, found):
        self.nccl.all_reduce(sent, found)
'''

TRAIN = '''\
def train(data, epochs=10, batch_size=32, lr=LR, seed=0, params=None, log=print, checkpoint=None,
          resume=None, comm=None):
    """The parameters after training on arrays by name, from `params` or anew; Ctrl-C ends it.

    After each epoch all that a training is goes to the file `checkpoint`; from such a file,
    `resume`, training goes on as if it had not ended; `epochs` counts those before, too.
    Of the processes of `comm`, a communicator of mpi4py, each is given all data, takes its part
    of each batch, and gets the parameters that one process would find; the first one writes.
    """
    data = checked(data, DATA)
    ranks = None if comm is None or comm.Get_size() == 1 else ${Ranks}(comm)
${ranks}    first = ranks is None or ranks.rank == 0
    log = log if first else lambda text: None
    rng = np.random.default_rng((seed, 1))
    if resume is not None:
        state, done = resumed(resume, rng)
    else:
        params = ${init} if params is None else params
        state, done = begin(params${seed}), 0
    if ranks is not None:
        state.ranks = ranks.listening()
    try:
        for epoch in range(done + 1, epochs + 1):
${loop}            if checkpoint is not None and first:
                keep(checkpoint, state, epoch, rng)
    except KeyboardInterrupt:
        log(f"stopped in epoch {epoch}; what was learnt is kept")
    finally:
        if ranks is not None:
            ranks.rest()
    return dict(state["params"])


def keep(path, state, epoch, rng):
    """Writes a training to a file: parameters by name, and what it takes to go on."""
    own = {name: state[name] for name in KEPT if name not in ("loss", "g")}
    about = {"epoch": epoch, "rule": RULE, "order": json.dumps(rng.bit_generator.state)}
    save(path, state["params"], {**own, **about})


def resumed(path, rng):
    """(state, epochs done) of a file that `keep` wrote, whose order of samples `rng` takes up."""
    params, found = started(path), kept(path)
    try:
        if "order" not in found:
            raise ValueError("it holds parameters, but no training to go on with")
        if str(found["rule"]) != RULE:
            raise ValueError(f"it was trained by {found['rule']}, and this program is {RULE}")
        rng.bit_generator.state = json.loads(str(found["order"]))
        state = State({**{name: found[name] for name in KEPT if name in found}, "params": params})
        return state, int(found["epoch"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


def started(path):
    """The parameters of a file; raises ValueError where one is missing or does not fit."""
    params = read(path, PARAMETERS)
    finite(params, PARAMETERS, f"{path}: ")
    return params


def read(path, names):
    """The named arrays of a file, which must fit before they are unpacked."""
    kinds = contents(path)
    try:
        suit(kinds, names)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return load(path, names)
'''

MAIN = '''\
def world():
    """All processes that mpiexec has started."""
    from mpi4py import MPI

    return MPI.COMM_WORLD


def main(argv=None):
    """The command line; `--help` says what it can do."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\\n")[0]${prog})
    add = parser.add_argument
    add("data", nargs="?", help=".npz file with the arrays " + ", ".join(DATA)${percents})
    add("--epochs", type=int, default=10, help="passes over the data (%(default)s)")
    add("--batch-size", type=int, default=32, help="samples of a step (%(default)s)")
    add("--lr", type=float, default=LR, help="learning rate (%(default)s)")
    add("--seed", type=int, default=0, help="of initial values and batches (%(default)s)")
    add("--start", metavar="FILE", help="parameters to start from (.npz)")
    add("--output", metavar="FILE", default="model.npz", help="for the parameters (%(default)s)")
    add("--checkpoint", metavar="FILE", help="all of the training after each epoch (.npz)")
    add("--resume", metavar="FILE", help="such a file to go on from; its epochs count")
    add("--ranks", action="store_true", help="train with the other processes of mpiexec (mpi4py)")
    add("--check", action="store_true", help="compare gradients with differences, train nothing")
${option}    args = parser.parse_args(argv)
    if args.epochs < 0 or args.batch_size < 1:
        parser.error("--epochs must be 0 or more, --batch-size 1 or more")
    if args.data is None and not args.check:
        parser.error("the file with the data is missing")
    if args.start and args.resume:
        parser.error("--start begins a training, --resume goes on with one: give one of them")
    try:
        needed = ${needed}
        data = None if args.data is None else read(args.data, needed)
        params = started(args.start) if args.start else None
        if args.check:
            sys.exit(0 if check(data, params, args.seed) else 1)
        comm = world() if args.ranks else None
        params = train(data, args.epochs, args.batch_size, args.lr, args.seed, params,
                       checkpoint=args.checkpoint, resume=args.resume, comm=comm)
        if comm is not None and comm.Get_rank():
            return  # the first one writes
        save(args.output, params)${action}
    except (ImportError, OSError, ValueError, FloatingPointError) as error:
        sys.exit(f"{parser.prog}: {error}")
    print(f"parameters in {args.output}")
'''

PREDICT_OPTION = '''\
    add("--predict", metavar="FILE", help="also write the prediction for the data")
'''

PREDICT_ACTION = '''
        if args.predict:
            inputs = checked(data, INPUTS)
            save(args.predict, {"prediction": predict(*params.values(), *inputs.values())})'''
