"""The update rule of an optimiser as lines for one entry of the vectors that it moves."""

from __future__ import annotations

from dataclasses import dataclass

from symgrad.codegen.c.loops import Body, Context, index_c, placed
from symgrad.codegen.c.texts import bare
from symgrad.codegen.cuda.words import WORDS, CudaIdentifiers
from symgrad.codegen.phases.units import scalar_only
from symgrad.codegen.plan.indices import counters
from symgrad.codegen.plan.storage import storage
from symgrad.codegen.python.job import Job
from symgrad.codegen.python.setting import setting
from symgrad.codegen.quoting import in_c_comment
from symgrad.graphs.errors import BackendError


@dataclass(frozen=True)
class RuleText:
    """The names of vectors and of numbers in the lines, and the lines for the entry `lane`."""

    vectors: tuple[str, ...]
    numbers: tuple[str, ...]
    lines: tuple[str, ...]


def rule_text(job: Job, used: dict[str, None]) -> RuleText:
    """The lines of a rule; its functions go to `used`. Raises BackendError for a rule that is not one of entries."""
    begun = setting(job, WORDS, CudaIdentifiers)
    kept = storage(begun.roots)
    if not scalar_only(kept):
        raise BackendError(f"the rule of {job.name} does more than compute entries")
    over, names = begun.overwritten(), dict(begun.given)
    vectors = tuple(a for a, (_, node) in zip(begun.arguments, job.inputs, strict=True) if node.shape)
    numbers = tuple(a for a, (_, node) in zip(begun.arguments, job.inputs, strict=True) if not node.shape)
    scalars = [e for e, a in names.items() if a in numbers]
    names.update({e: begun.scope.numbered("u") for e in kept.stored})
    context = Context(kept, names, begun.sizes, job.module.single, scalars, used)
    body = Body(context, 1)
    told = {e: in_c_comment(wish.comment) for e, wish in begun.wishes.items() if wish.comment}
    lines = []
    for e in kept.stored:
        lines += [f"// {told[e]}"] if e in told else []
        lines.append(f"const real {names[e]}_ = {bare(body.computed(e, counters(1)))};")
        body.known[e] = f"{names[e]}_"
    for e, (wish, _) in zip(begun.roots, job.outputs, strict=True):
        lines.append(f"{over[wish]}[lane] = {bare(body.value(e, counters(1)))};")
    places = [index_c(form, {0: "lane"}, context.sizes) for form in body.places]
    return RuleText(vectors, numbers, tuple(placed(line, places) for line in lines))
