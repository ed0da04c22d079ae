"""What was found of a version and its tables: findings as one list, profiles of tables and columns, scores.

All of it stands in documents that processing-svc and quality-svc wrote; nothing is judged here.
"""
