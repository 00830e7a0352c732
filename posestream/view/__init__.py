"""A page to watch every camera as it happens, people over the video and in space; and poses as JSON over HTTP.

`posestream view` starts it. Needs the extra `view`.
"""
