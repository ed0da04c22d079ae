"""Checks: each measures one thing about a table and gives X = A/B; one file per check, registered by entry point.

Adding one touches its own file and one line under `[project.entry-points."dataplatform.checks"]`. What the measures
weigh in the overall score is declared in `quality_svc.scores`.
"""
