"""One model, trained by several processes, which goes on where it was if one of them dies.

``torchrun --standalone --nproc-per-node=2 --max-restarts=3 examples/several_processes.py`` trains with two processes
on this machine; on several ones ``torchrun`` takes ``--nnodes`` and ``--rdzv-endpoint`` as always. Without ``torchrun``
the same script trains with one. Each process is given the same table, here a file of Parquet that the first one writes,
takes its part of every batch, and ends up with the same estimator; the first one prints what came out.
Files need pyarrow, ``pip install 'skvae[files]'``.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import distributed

from skvae import VAETransformer


def join():
    """Be one of the processes that ``torchrun`` has started; the number of this one, and of all.

    Each start has keys of its own, so that after a restart nobody waits for a process of the start before.
    """
    if "TORCHELASTIC_RESTART_COUNT" not in os.environ:
        return 0, 1
    told = os.environ
    rank, world = int(told["RANK"]), int(told["WORLD_SIZE"])
    store = distributed.TCPStore(told["MASTER_ADDR"], int(told["MASTER_PORT"]), is_master=False)
    store = distributed.PrefixStore(f"start {told['TORCHELASTIC_RESTART_COUNT']}", store)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(told["LOCAL_RANK"]))
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=world)
    return rank, world


def main():
    """Fit, and print what the first process has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(tempfile.gettempdir()) / "skvae-digits"
    parser.add_argument("--folder", type=Path, default=shared, help="one that all processes see")
    parser.add_argument("--max-iter", type=int, default=20)
    arguments = parser.parse_args()
    rank, world = join()
    path = arguments.folder / "digits.parquet"
    if rank == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        load_digits(as_frame=True).data.to_parquet(path)
    if world > 1:
        distributed.barrier()
    start = time.perf_counter()
    vae = VAETransformer(
        8,
        max_iter=arguments.max_iter,
        random_state=0,
        checkpoint=arguments.folder / "states",
        checkpoint_interval=1.0,
    ).fit(path)
    if rank == 0:
        seconds, score = time.perf_counter() - start, vae.score(path)
        print(f"{world} processes, {vae.n_iter_} epochs, {seconds:.1f} s, {score:.2f} nats a row")
    if world > 1:
        distributed.destroy_process_group()


if __name__ == "__main__":
    main()
