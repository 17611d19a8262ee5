"""`Plan`: the decision as a value; how it is shown, kept as JSON, and compared. Pure."""

from amlrun._plan.candidates import Candidate, Starts
from amlrun._plan.plan import Plan
from amlrun._plan.steps import StepPlan

__all__ = ["Candidate", "Plan", "Starts", "StepPlan"]
