"""What all templates of one object together may cost the webhook.

In a pod a template that computes for long holds up its own pod only. Here it would hold up everybody's, and who wrote
it needs no more than the right to create a ConfigMap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.gotemplate import Template
from vault_secrets_webhook.gotemplate.limits import Budget
from vault_secrets_webhook.inject.resolve import Plan

if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.functions import FunctionSet

MOST_CHARACTERS = 64 * 1024  # parsing so many takes a third of a second, in which no other review is answered
MOST_STEPS = 200_000
MOST_MEMORY = 8 << 20


class MeteredPlan(Plan):
    """A plan whose templates together may not be longer than can be parsed in the middle of a review."""

    def __init__(self, schemes: tuple[str, ...], functions: FunctionSet) -> None:
        super().__init__(schemes, functions)
        self.characters = 0

    def add_template(self, text: str) -> None:
        """Parse the template of a reference. Raises TemplateError, and Refused for one too much."""
        if text not in self.templates:
            self.characters += len(text)
            if self.characters > MOST_CHARACTERS:
                raise Refused(f"templates of more than {MOST_CHARACTERS} characters are too long for one object")
        super().add_template(text)


class MeteredTemplate(Template):
    """A parsed template that is executed at the cost of a budget shared with others."""

    __slots__ = ("budget", "template")

    def __init__(self, template: Template, budget: Budget) -> None:
        # Without `super().__init__`, which would parse the text once more.
        self.template = template
        self.budget = budget

    def execute_value(self, value: object, budget: Budget | None = None) -> bytes:
        """Do as the template does. Raises TemplateError when the budget is used up."""
        return self.template.execute_value(value, budget or self.budget)


def limit_templates(plan: Plan) -> None:
    """Let all templates of a plan share one budget."""
    budget = Budget(MOST_STEPS, MOST_MEMORY)
    for text, template in plan.templates.items():
        plan.templates[text] = MeteredTemplate(template, budget)
