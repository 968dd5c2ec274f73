# The app in a container. Its steps were run by hand in a fresh environment; no container engine was at hand to build
# the image itself, so please report what does not build.
#   docker build -t npf-explorer .                                  CPU (x86-64)
#   docker build -t npf-explorer --build-arg TORCH_VARIANT=cuda .   CUDA (several GB; run with --gpus all)
#   docker run -p 127.0.0.1:8501:8501 -v npf-home:/data -e NPF_PASSWORD=... npf-explorer
# It does not start without NPF_PASSWORD, unless NPF_OPEN=yes says that everyone may come in (docs/security.md).
#
# The base image is named by its tag: pin it with --build-arg BASE=python@sha256:... (docs/security.md says how).
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}

ARG TORCH_VARIANT=cpu

# FORWARDED_ALLOW_IPS: which proxies are believed is said in one place, NPF_TRUSTED_PROXIES.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    FORWARDED_ALLOW_IPS="" \
    HOME=/tmp \
    NUMBA_CACHE_DIR=/tmp/numba \
    NPF_HOME=/data \
    EIO_CACHE_DIR=/data/elevation

# gdal-bin: elevation tiles by name. tini: signals reach the app and its workers, and workers that end are reaped.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gdal-bin tini \
    && rm -rf /var/lib/apt/lists/*

# Every file that pip installs is known by its hash; what is not listed is not installed.
WORKDIR /app
COPY requirements-image.txt requirements-image-torch-cpu.txt requirements-image-torch-cuda.txt ./
RUN case "$TORCH_VARIANT" in \
      cpu) pip install --no-deps --require-hashes --index-url https://download.pytorch.org/whl/cpu \
             -r requirements-image-torch-cpu.txt ;; \
      cuda) pip install --no-deps --require-hashes -r requirements-image-torch-cuda.txt ;; \
      *) echo "TORCH_VARIANT must be cpu or cuda, not '$TORCH_VARIANT'" >&2; exit 2 ;; \
    esac \
    && pip install --no-deps --require-hashes -r requirements-image.txt \
    && pip check

COPY . .
RUN python -m compileall -q app.py npf_engine pages ui \
    && python -c 'from npf_engine.fields.places.cities import install; install()' \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin npf \
    && mkdir -p /data \
    && chown npf:npf /data
USER npf
VOLUME /data
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

# -g: the whole group is told to stop, so that trainings can write their checkpoints.
ENTRYPOINT ["tini", "-g", "--"]
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.headless", "true", "--server.address", "0.0.0.0", "--server.port", "8501"]
