FROM python:3.12-slim
RUN useradd --create-home --uid 10001 marketplace && mkdir /app /run-data && chown marketplace /app /run-data
WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY --chown=marketplace . .
USER marketplace
ENV MARKETPLACE_BOOTSTRAP=off MARKETPLACE_RUN_DIR=/run-data PYTHONUNBUFFERED=1
ENTRYPOINT ["python", "manage.py"]
CMD ["process", "web"]
