"""The last module that the fork server imports: exclude all objects so far from the GC.

A server collects garbage when it starts, which would look at all that was imported.
"""

import gc

gc.collect()
gc.freeze()
