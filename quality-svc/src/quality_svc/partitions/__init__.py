"""The profile of a table too large for one worker: measured in ranges of row groups, each anywhere, and merged.

`items` cuts a table, `scanning` measures one item into a partial profile (`partial`), `merging` makes the profile of
all from them, in any order the same. What runs the items is exchangeable: processes of this machine (`running`), the
platform's workers (`jobs`, through leases) or a Ray cluster (`on_ray`). What is told of one column is not decided here:
that is `quality_svc.profile`, whose code both ends share.
"""
