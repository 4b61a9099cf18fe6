# SPDX-License-Identifier: Apache-2.0
"""What is to be found in each listing of the lesson: tests/targets/lesson in Go, tests/targets/lesson_c in C."""
from typing import NamedTuple, Optional, Tuple


class Place(NamedTuple):
    """A function, and the line that carries `// LESSON:mark` in a file of the program."""
    function: str
    file: str
    mark: str


class Wanted(NamedTuple):
    """
    A finding whose site is exactly this place: where the context is made; for a request the call in its handler (C:
    where its context is made); for a task the go statement (C: where it begins). Its count is the program's `expected`.
    """
    kind: str
    severity: str
    go: Place
    c: Place
    go_at: Optional[Place] = None  # running work stands here; of C threads that is not known
    is_live: bool = True  # what was counted is there at the end


class Cancel(NamedTuple):
    """A row of `cancels`: contexts made here ended for this reason, which began there with that reason."""
    reason: str
    count: int
    go: Place
    c: Place
    origin: Optional[str] = None


class Deadline(NamedTuple):
    """A row of `deadlines`: of so many seconds, fired once; so many below had asked for a later one and were cancelled."""
    asked_s: float
    below: int
    go: Place
    c: Place
    go_below: Place
    c_below: Place


class Row(NamedTuple):
    listing: str
    is_wrong: bool
    findings: Tuple[Wanted, ...] = ()
    cancels: Tuple[Cancel, ...] = ()
    deadlines: Tuple[Deadline, ...] = ()
    answers: Optional[dict] = None  # what clients saw, by status


ROWS = (
    Row("get-user", True, (
        Wanted("unbounded-request", "warning",
               go=Place("main.handleGetUserWrong", "get_user.go", "get-user"),
               # No go_at: the frames that a report shows end in the driver.
               c=Place("handle_get_user_wrong", "get_user.c", "get-user")),
    ), answers={"200": 10}),
    Row("get-user", False, answers={"200": 10, "504": 5}),
    Row("process-items", True, (
        Wanted("ignored-cancel", "warning",
               go=Place("main.handleItemsWrong", "process_items.go", "process-items"),
               go_at=Place("main.ProcessItemsWrong", "process_items.go", "process-items-at"),
               c=Place("handle_items_wrong", "process_items.c", "process-items")),
    ), answers={"none": 5}),
    Row("process-items", False, answers={"none": 5}),
    Row("missing-cancel", True, (
        Wanted("leaked-timer", "leak",
               go=Place("main.refreshPricesWrong", "missing_cancel.go", "missing-cancel"),
               c=Place("refresh_prices_wrong", "missing_cancel.c", "missing-cancel")),
    ), answers={}),
    Row("missing-cancel", False, answers={}),
    # Printed as RIGHT in the lesson: it hangs when every stage succeeds.
    Row("run-pipeline", True, (
        Wanted("unbounded-request", "warning",
               go=Place("main.handlePipelineWrong", "run_pipeline.go", "run-pipeline"),
               go_at=Place("main.RunPipelineWrong", "run_pipeline.go", "run-pipeline-at"),
               c=Place("handle_pipeline_wrong", "run_pipeline.c", "run-pipeline")),
    ), answers={"500": 4}),
    Row("run-pipeline", False, answers={"200": 4, "500": 4}),
    Row("assemble-response", False, cancels=(
        Cancel("deadline", 1,
               go=Place("main.assembleResponse", "assemble_response.go", "assemble-response"),
               c=Place("assemble_response", "assemble_response.c", "assemble-response")),
        Cancel("parent", 3, origin="deadline",
               go=Place("main.service.call", "assemble_response.go", "call"),
               c=Place("call_service", "assemble_response.c", "call")),
    ), deadlines=(
        Deadline(0.5, 3,
                 go=Place("main.assembleResponse", "assemble_response.go", "assemble-response"),
                 c=Place("assemble_response", "assemble_response.c", "assemble-response"),
                 go_below=Place("main.service.call", "assemble_response.go", "call"),
                 c_below=Place("call_service", "assemble_response.c", "call")),
    ), answers={"504": 1}),
    Row("todo-in-request", True, (
        Wanted("todo-root", "warning",
               go=Place("main.recommendWrong", "roots.go", "todo-in-request"),
               c=Place("recommend_wrong", "roots.c", "todo-in-request"), is_live=False),
    ), answers={"200": 10}),
    Row("todo-in-request", False, answers={"200": 10}),
    Row("background-in-request", True, (
        Wanted("background-in-request", "warning",
               go=Place("main.auditWrong", "roots.go", "background-in-request"),
               c=Place("audit_wrong", "roots.c", "background-in-request"), is_live=False),
    ), answers={"200": 10}),
    Row("background-in-request", False, answers={"200": 10}),
    Row("stored-context", True, (
        Wanted("stale-parent", "warning",
               go=Place("main.(*sessionWrong).refresh", "stored_context.go", "stored-context"),
               c=Place("refresh_wrong", "stored_context.c", "stored-context"), is_live=False),
    ), answers={"200": 3, "500": 30}),
    Row("stored-context", False, answers={"200": 33}),
    Row("outlives", True, (
        Wanted("outlives-request", "leak",
               go=Place("main.handleReportWrong", "outlives.go", "outlives"),
               go_at=Place("main.writeReportWrong", "outlives.go", "outlives-at"),
               c=Place("write_report_wrong", "outlives.c", "outlives")),
    ), answers={"202": 5}),
    Row("outlives", False, answers={"202": 5}),
    Row("outlives-detached", False, answers={"202": 5}),
)
