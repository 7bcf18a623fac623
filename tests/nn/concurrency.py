"""Programs that run the layers where threads and processes may get into each other's way.

Each is a function, for `python -m tests.nn.concurrency NAME`: a process of its own, so that a deadlock can be ended.
"""

import multiprocessing
import sys
from concurrent.futures import ThreadPoolExecutor

import torch
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, Dataset

import fastlm

# few sequences of many hidden units are divided by the units, many sequences by the batch, and the least not at all
SIZES = [("LSTM", 512, 1), ("GRU", 512, 4), ("RNN", 512, 2), ("LSTM", 64, 33), ("GRU", 48, 64), ("RNN", 5, 2)]


class Job:
    """A module with an input; its results are the same wherever it runs."""

    def __init__(self, number):
        kind, hidden, batch = SIZES[number]
        torch.manual_seed(number)
        self.module = getattr(fastlm, kind)(16, hidden, bidirectional=number % 2 == 1)
        self.x = torch.randn(12, batch, 16)

    def run(self):
        x = self.x.clone().requires_grad_()
        output, _ = self.module(x)
        grads = torch.autograd.grad(output.square().sum(), [x, *self.module.parameters()])
        return [output.detach(), *grads]


JOBS = [Job(number) for number in range(len(SIZES))]


def run_all():
    return [job.run() for job in JOBS]


def assert_same(got, want):
    for got_of_job, want_of_job in zip(got, want, strict=True):
        for a, b in zip(got_of_job, want_of_job, strict=True):
            # the order of a sum may depend on how many threads there are
            assert torch.allclose(a, b, rtol=1e-4, atol=1e-5 * b.abs().max().item())


def several_python_threads():
    torch.set_num_threads(2)
    want = run_all()
    with ThreadPoolExecutor(4) as pool:
        assert_same(pool.map(Job.run, JOBS * 5), want * 5)


def several_threads_backward_through_one_module():
    torch.set_num_threads(2)
    want = JOBS[0].run()
    with ThreadPoolExecutor(4) as pool:
        assert_same(pool.map(lambda _: JOBS[0].run(), range(20)), [want] * 20)


def one_thread():
    torch.set_num_threads(2)
    want = run_all()
    torch.set_num_threads(1)
    assert_same(run_all(), want)


def more_threads_than_cores():
    torch.set_num_threads(1)
    want = run_all()
    torch.set_num_threads(8)
    assert_same(run_all(), want)


def _run_in_child(queue, count):
    torch.set_num_threads(count)
    queue.put([[tensor.numpy() for tensor in tensors] for tensors in run_all()])


def _fork(threads_of_parent, threads_of_child):
    torch.set_num_threads(threads_of_parent)
    want = run_all()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_run_in_child, args=(queue, threads_of_child))
    process.start()
    assert_same([[torch.from_numpy(array) for array in arrays] for arrays in queue.get()], want)
    process.join()
    assert process.exitcode == 0
    assert_same(run_all(), want)  # the parent goes on


def fork_of_two_threads():
    _fork(2, 1)  # not to two: GNU's OpenMP cannot, so torch's own operators wait for ever too


def fork_to_two_threads():
    _fork(1, 2)


class _Results(Dataset):
    def __len__(self):
        return len(JOBS)

    def __getitem__(self, number):
        return [tensor.numpy() for tensor in JOBS[number].run()]


def workers_of_a_data_loader():
    torch.set_num_threads(2)
    want = run_all()
    loader = DataLoader(_Results(), batch_size=None, num_workers=2, multiprocessing_context="fork")
    assert_same([[torch.as_tensor(array) for array in arrays] for arrays in loader], want)


def forward_inside_backward():
    torch.set_num_threads(2)
    for job, want in zip(JOBS, run_all(), strict=True):
        for reentrant in (True, False):
            x = job.x.clone().requires_grad_()
            output = checkpoint(lambda x, job=job: job.module(x)[0], x, use_reentrant=reentrant)
            job.module.zero_grad()
            output.square().sum().backward()
            assert_same([[output.detach(), x.grad, *(p.grad for p in job.module.parameters())]], [want])


PROGRAMS = [
    several_python_threads,
    several_threads_backward_through_one_module,
    one_thread,
    more_threads_than_cores,
    fork_of_two_threads,
    fork_to_two_threads,
    workers_of_a_data_loader,
    forward_inside_backward,
]

if __name__ == "__main__":
    {program.__name__: program for program in PROGRAMS}[sys.argv[1]]()
