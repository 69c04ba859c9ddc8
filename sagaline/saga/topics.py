"""The topics under which stores keep the events of saga instances."""

FORMER_JOURNAL = "sagaline.journal:Journal"
"""The topic of `Journal` in version 0.1.0; its events stood under it by their class names."""

EVENT_TOPICS = {
    "Started": "sagaline:SagaStarted",
    "Awaited": "sagaline:SagaAwaited",
    "Begun": "sagaline:SagaStartedLate",
    "RunBegun": "sagaline:SagaRunBegun",
    "Locking": "sagaline:SagaLocking",
    "Refused": "sagaline:SagaRefused",
    "Requested": "sagaline:CommandRequested",
    "Waiting": "sagaline:SagaWaiting",
    "Dropped": "sagaline:ReminderDropped",
    "Skipped": "sagaline:StepSkipped",
    "FannedOut": "sagaline:StepFannedOut",
    "Noted": "sagaline:AnswerNoted",
    "Ignored": "sagaline:EventIgnored",
    "Parked": "sagaline:SagaParked",
    "Intervened": "sagaline:SagaIntervened",
    "Resumed": "sagaline:SagaResumed",
    "Ended": "sagaline:SagaEnded",
    "Signalled": "sagaline:SagaSignalled",
    "Called": "sagaline:SagaCalled",
    "TakenBack": "sagaline:SagaTakenBack",
    "Replied": "sagaline:SagaReplied",
}
"""The topic of each event class of `Journal`. Subclasses of `Requested` have those of commands."""
